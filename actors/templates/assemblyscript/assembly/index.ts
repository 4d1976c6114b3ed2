import { consoleLog, handleAbort, handleCall, register, Result } from '@wapc/as-guest'

/** `greet`: a name → a greeting. */
register('greet', (payload: ArrayBuffer): Result<ArrayBuffer> => {
  const name = String.UTF8.decode(payload)
  if (name == '') return Result.error<ArrayBuffer>(new Error('Expected a name, found nothing'))
  consoleLog('greeting ' + name)
  return Result.ok(String.UTF8.encode('Hello, ' + name + '!'))
})

export function __guest_call(operationSize: usize, payloadSize: usize): bool {
  return handleCall(operationSize, payloadSize)
}

/** What AssemblyScript calls when it gives up. */
function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  handleAbort(message, file, line, column)
}
