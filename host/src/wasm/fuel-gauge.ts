import { GuestFault } from '../abi/guest-fault.ts'

/** Name under which every prepared module exports what is left of its fuel: a mutable i64 (spec/host.md §8). */
export const FUEL_EXPORT = 'teapot:fuel'
/** What one call from a guest to its host costs, whatever it asks for. */
export const HOST_CALL_FUEL = 1_000
/** What each byte costs that a host call moves into or out of a guest's memory. */
export const BYTE_FUEL = 1

/** The fuel of one instance: what its core modules count down by themselves, and what the host charges besides. */
export class FuelGauge {
  readonly #globals: readonly WebAssembly.Global[]
  readonly #budget: number
  readonly #full: bigint
  #charged = 0

  /**
   * Fills up.
   * @param globals {@link FUEL_EXPORT} of each of the instance's core modules; each may use the whole budget, all together no more
   * @param budget units, a whole number below 2^48
   */
  constructor(globals: readonly WebAssembly.Global[], budget: number) {
    this.#globals = globals
    this.#budget = budget
    this.#full = BigInt(budget)
    this.refill()
  }

  /** The whole budget again, for the next call. */
  refill(): void {
    this.#charged = 0
    for (const global of this.#globals) global.value = this.#full
  }

  /**
   * Charges for work of the host, before it is done.
   * @throws GuestFault `fuel-exhausted`; a guest that catches it traps where it is metered next
   */
  charge(units: number): void {
    this.#charged += units
    if (!this.exhausted) return
    for (const global of this.#globals) global.value = -1n
    throw new GuestFault(
      'fuel-exhausted',
      `Expected a call within ${this.#budget} units of fuel, found one that needs more`,
    )
  }

  /** Units used since the last refill; the budget when there was not enough. */
  get used(): number {
    return Math.min(this.#spent(), this.#budget)
  }

  /** More was needed than there was: whatever the guest trapped with or answered is no result. */
  get exhausted(): boolean {
    return this.#spent() > this.#budget
  }

  #spent(): number {
    let spent = this.#charged
    for (const global of this.#globals) spent += this.#budget - Number(global.value)
    return spent
  }
}
