import { handleAbort, handleCall, Result, register } from '@wapc/as-guest'

/** `echo`: answers with its payload. Needs no grant, so that it shows what a call alone costs. */
register('echo', (payload: ArrayBuffer): Result<ArrayBuffer> => Result.ok(payload))

export function __guest_call(operationSize: usize, payloadSize: usize): bool {
  return handleCall(operationSize, payloadSize)
}

/** What AssemblyScript calls when it gives up; named in the compiler's options. */
function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  handleAbort(message, file, line, column)
}
