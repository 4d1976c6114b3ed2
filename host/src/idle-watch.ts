/** Tells when something has been idle for so long; between uses it costs a timer, not one for each. */
export class IdleWatch {
  readonly #forMs: number
  readonly #isIdle: () => boolean
  readonly #onIdle: () => void
  #timer: NodeJS.Timeout | undefined
  /** When {@link begin} was last called, by `performance.now()`. */
  since = 0

  constructor(forMs: number, isIdle: () => boolean, onIdle: () => void) {
    this.#forMs = forMs
    this.#isIdle = isIdle
    this.#onIdle = onIdle
  }

  /** It is idle from now on. */
  begin(): void {
    this.since = performance.now()
    if (this.#timer === undefined) this.#wait(this.#forMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (!this.#isIdle()) return
      const leftMs = this.since + this.#forMs - performance.now()
      if (leftMs < 1) this.#onIdle()
      else this.#wait(leftMs)
    }, ms)
    this.#timer.unref()
  }
}
