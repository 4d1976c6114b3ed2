import type { Call } from './call.ts'

/**
 * Calls before they go to a sandbox, in the order in which they came. Those that were lost with one come first, and each has the
 * next one to itself, so that the one at fault can hurt no other again.
 */
export class CallQueue {
  readonly #waiting: Call[] = []
  /** How many at the head were lost with a sandbox. */
  #suspects = 0
  /** The suspect that is at work. */
  #alone: Call | undefined

  get size(): number {
    return this.#waiting.length
  }

  /** Whether calls go one at a time now. */
  get careful(): boolean {
    return this.#suspects > 0 || this.#alone !== undefined
  }

  /** Whether a call need not wait. What a suspect asks of other actors here runs with it: it would wait for itself otherwise. */
  mayPass(call: Call): boolean {
    if (this.#alone === undefined) return this.#waiting.length === 0
    return this.#alone.hostCall !== undefined && call.origin.includes(this.#alone.release)
  }

  add(call: Call): void {
    this.#waiting.push(call)
  }

  /** The call that may go now. @param busy whether the sandbox has calls */
  next(busy: boolean): Call | undefined {
    while (this.#waiting.length > 0 && this.#alone === undefined && !(this.#suspects > 0 && busy)) {
      const call = this.#waiting.shift()!
      const suspect = this.#suspects > 0
      if (suspect) this.#suspects--
      if (call.settled) continue
      if (suspect) this.#alone = call
      return call
    }
    return undefined
  }

  /** A call that had gone has ended. */
  ended(call: Call): void {
    if (this.#alone === call) this.#alone = undefined
  }

  /** Takes back what was lost with a sandbox. */
  takeBack(suspects: readonly Call[]): void {
    this.#alone = undefined
    this.#waiting.unshift(...suspects)
    this.#suspects += suspects.length
  }

  /** Takes all out. */
  clear(): Call[] {
    this.#suspects = 0
    return this.#waiting.splice(0)
  }
}
