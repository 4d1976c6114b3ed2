/**
 * Thrown by a host function whose WIT result is `result<_, E>`: the guest gets `payload` as its error. Anything else that is thrown
 * ends the call.
 */
export class Refusal {
  /** The error as jco lowers it: enums as text, variants as `{ tag, val }`. */
  readonly payload: unknown

  constructor(payload: unknown) {
    this.payload = payload
  }
}

/** Answers with the error of a WIT result. */
export function refuse(payload: unknown): never {
  throw new Refusal(payload)
}
