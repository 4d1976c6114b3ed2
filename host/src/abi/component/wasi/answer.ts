/** What a provider is asked for: awaited by pollables, taken once it is there. */
export class Answer<T> {
  #value: T | undefined
  #settle = Promise.withResolvers<void>()
  #begun = false
  #settled = false

  constructor() {
    // What nobody waits for ends no sandbox.
    this.#settle.promise.catch(() => {})
  }

  /** Ends with the work; rejects with a GuestFault that ends the call. */
  get end(): Promise<void> {
    return this.#settle.promise
  }

  /** Whether it has been asked for: waiting for it comes to an end. */
  get begun(): boolean {
    return this.#begun
  }

  get settled(): boolean {
    return this.#settled
  }

  /** Nothing before it is settled. */
  get value(): T | undefined {
    return this.#value
  }

  /** @param work rejects with what ends the call alone */
  begin(work: Promise<T>): void {
    this.#begun = true
    work.then((value) => {
      this.#value = value
      this.#settled = true
      this.#settle.resolve()
    }, this.#settle.reject)
  }
}
