import { TeapotError } from '@teapot-network/trust'
import { malformed } from './wire.ts'

/** One open line to a TPM. Answers come one by one: `send` only when the last answer has come. */
export interface TpmTransport extends AsyncDisposable {
  /** True once the line was cut. */
  readonly closed: boolean
  /**
   * Sends one command and gives its whole response. A signal that fires meanwhile closes the line, as the answer would come late.
   * @throws TeapotError `tpm/unavailable` when the line is or gets cut
   */
  send(command: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>
}

/** More than any TPM's buffer (4096 is usual). */
export const MAX_RESPONSE_BYTES = 8192
const HEADER_BYTES = 10

/** Size of the response at the front, once its header has come (TPM 2.0 Part 1 §18). */
export function responseSize(buffer: Uint8Array): number | undefined | TeapotError {
  if (buffer.length < HEADER_BYTES) return undefined
  const size = new DataView(buffer.buffer, buffer.byteOffset).getUint32(2)
  if (size < HEADER_BYTES || size > MAX_RESPONSE_BYTES) {
    return malformed(`a size from ${HEADER_BYTES} to ${MAX_RESPONSE_BYTES}`, `${size}`)
  }
  return size
}

/** The error for a TPM that does not answer. */
export function unavailable(where: string, why: string, cause?: unknown): TeapotError {
  return new TeapotError(
    'tpm/unavailable',
    `Cannot reach the TPM: expected an answer at ${where}, found: ${why}; start the TPM, or let teapot's user read and write there, and try again`,
    { kind: 'unavailable', cause },
  )
}
