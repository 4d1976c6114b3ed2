import { handleAbort, handleCall, Result, register } from '@wapc/as-guest'
import { receive } from '../../lib/assembly/visit'

/** `greet`: a name in UTF-8 → a greeting that knows how often it was asked for. */
register('greet', (payload: ArrayBuffer): Result<ArrayBuffer> => {
  const visit = receive(payload)
  if (!visit.isOk) return Result.error<ArrayBuffer>(visit.error()!)
  const times = visit.get().count == 1 ? 'once' : `${visit.get().count} times`
  return Result.ok(String.UTF8.encode(`Hello again, ${visit.get().name}! You were here ${times}. (v2)`))
})

export function __guest_call(operationSize: usize, payloadSize: usize): bool {
  return handleCall(operationSize, payloadSize)
}

/** What AssemblyScript calls when it gives up; named in the compiler's options. */
function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  handleAbort(message, file, line, column)
}
