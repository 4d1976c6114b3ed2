import type { Call } from './call.ts'

/** The calls that a sandbox has: which keep it busy and which wait for a capability, and whether one is alone. */
export class SentCalls {
  readonly #calls = new Map<number, Call>()
  #suspended = 0
  /** The last one to come, when it found no other. */
  #lone: Call | undefined

  get size(): number {
    return this.#calls.size
  }

  /** How many wait for a capability. */
  get suspended(): number {
    return this.#suspended
  }

  get(id: number): Call | undefined {
    return this.#calls.get(id)
  }

  has({ id }: Call): boolean {
    return this.#calls.has(id)
  }

  /** @returns whether it has the sandbox to itself */
  add(call: Call): boolean {
    this.#calls.set(call.id, call)
    this.#lone = this.#calls.size === 1 ? call : undefined
    return this.#lone !== undefined
  }

  delete({ id }: Call): void {
    this.#calls.delete(id)
  }

  /** Whether it is, or was, the one that has the sandbox to itself. */
  isLone(call: Call): boolean {
    return this.#lone === call
  }

  /** It waits for a capability. @returns what ends just that; false when it was over already */
  suspend(call: Call): () => boolean {
    const token = Symbol()
    call.hostCall = token
    this.#suspended++
    return () => {
      if (call.hostCall !== token) return false
      this.resume(call)
      return true
    }
  }

  /** It waits no more. */
  resume(call: Call): void {
    call.hostCall = undefined
    this.#suspended--
  }

  /** Takes all out. */
  clear(): Call[] {
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    this.#suspended = 0
    return calls
  }
}
