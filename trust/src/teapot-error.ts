/** `refused`: the input is at fault; `unavailable`: try again later; `fault`: ours or the machine's. */
export type ErrorKind = 'refused' | 'unavailable' | 'fault'

/**
 * Every error that leaves a room of teapot. The `code` is stable (`attestation/nonce-mismatch`, catalogued in spec/errors.md);
 * the message says what was expected, what came, and what to do.
 */
export class TeapotError extends Error {
  override readonly name = 'TeapotError'
  readonly code: string
  readonly kind: ErrorKind

  constructor(code: string, message: string, options: { kind?: ErrorKind; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = options.kind ?? 'refused'
  }
}
