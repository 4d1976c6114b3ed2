/** What a provider is asked for: awaited by pollables, taken once it is there. */
export class Answer<T> {
  /** Whether it has been asked for: waiting for it comes to an end. */
  begun = false
  settled = false
  /** Nothing before it is settled. */
  value: T | undefined
  readonly #settle = Promise.withResolvers<void>()
  /** Ends with the work; rejects with a GuestFault that ends the call. */
  readonly end = this.#settle.promise

  constructor() {
    // What nobody waits for ends no sandbox.
    this.end.catch(() => {})
  }

  /** @param work rejects with what ends the call alone */
  begin(work: Promise<T>): void {
    this.begun = true
    work.then((value) => {
      this.value = value
      this.settled = true
      this.#settle.resolve()
    }, this.#settle.reject)
  }
}
