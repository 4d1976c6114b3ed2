import type { Failure } from '../messages.ts'

/** A load or call that failed, with how it is to be told to the host. */
export class GuestFault extends Error {
  override readonly name = 'GuestFault'
  readonly failure: Failure

  constructor(failure: Failure, message: string) {
    super(message)
    this.failure = failure
  }
}
