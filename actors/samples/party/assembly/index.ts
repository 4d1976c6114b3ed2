import { handleAbort, handleCall, hostCall, Result, register } from '@wapc/as-guest'

/** `welcome`: names, a line each → the greetings that the actor `greeter` has for them. */
register('welcome', (payload: ArrayBuffer): Result<ArrayBuffer> => {
  const names = String.UTF8.decode(payload).split('\n')
  const greetings: string[] = []
  for (let i = 0; i < names.length; i++) {
    const answer = hostCall('default', 'actor:greeter', 'greet', String.UTF8.encode(names[i]))
    if (!answer.isOk) return Result.error<ArrayBuffer>(answer.error()!)
    greetings.push(String.UTF8.decode(answer.get()))
  }
  return Result.ok(String.UTF8.encode(greetings.join('\n')))
})

export function __guest_call(operationSize: usize, payloadSize: usize): bool {
  return handleCall(operationSize, payloadSize)
}

/** What AssemblyScript calls when it gives up; named in the compiler's options. */
function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  handleAbort(message, file, line, column)
}
