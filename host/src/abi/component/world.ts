import { BYTE_FUEL, type FuelGauge, HOST_CALL_FUEL } from '../../wasm/fuel-gauge.ts'
import { Exit } from '../exit.ts'
import { GuestFault } from '../guest-fault.ts'
import type { Surroundings } from '../program.ts'
import { Refusal } from './refusal.ts'

/** Resources that one instance may hold at a time: each takes memory of the sandbox, not of the guest. */
const MOST_RESOURCES = 4_096

/** Takes bytes that the guest writes to a standard stream. */
export type Write = (bytes: Uint8Array) => void

/**
 * What the host interfaces of one instance share. An instance serves one call, and so does its world: standard streams and
 * arguments are those of that call.
 */
export class World {
  readonly surroundings: Surroundings
  /** What `wasi:cli/environment` tells as arguments; set before the call. */
  args: readonly string[] = []
  /** What `wasi:cli/stdin` reads; set before the call. */
  stdin: Uint8Array = new Uint8Array(0)
  /** Takes `wasi:cli/stdout`: console lines, but of a command its response. */
  stdout: Write
  readonly stderr: Write
  /** Set once the guest asked to end: that counts, whatever it makes of the unwinding. */
  ended: Exit | undefined
  readonly #gauge: FuelGauge
  #resources = 0
  #keptBytes = 0

  constructor(surroundings: Surroundings, gauge: FuelGauge, console: Write) {
    this.surroundings = surroundings
    this.#gauge = gauge
    this.stdout = console
    this.stderr = console
  }

  /**
   * Charges for one call of the guest to its host; every function of every interface does so first.
   * @param bytes moved into or out of the guest's memory
   * @throws GuestFault `fuel-exhausted`
   */
  charge(bytes = 0): void {
    this.#gauge.charge(HOST_CALL_FUEL + bytes * BYTE_FUEL)
  }

  /** Counts resources that the guest gets, or drops. @throws GuestFault `out-of-memory` when it has too many */
  hold(more: 1 | -1): void {
    this.#resources += more
    if (this.#resources > MOST_RESOURCES)
      throw new GuestFault(
        'out-of-memory',
        `Expected a guest that holds at most ${MOST_RESOURCES} resources of its host at a time, found more; drop them sooner`,
      )
  }

  /**
   * Counts what the host keeps for the guest until its call has ended: fields, bodies, values.
   * @throws GuestFault `out-of-memory` beyond `scratchBytes`
   */
  keep(bytes: number): void {
    this.#keptBytes += bytes
    const { scratchBytes } = this.surroundings.limits
    if (this.#keptBytes > scratchBytes)
      throw new GuestFault('out-of-memory', `Expected at most ${scratchBytes} bytes in bodies and fields, found more`)
  }

  /** Ends the guest. */
  exit(code: number): never {
    this.ended ??= new Exit(code)
    throw this.ended
  }

  /**
   * Calls a capability, and charges for it.
   * @returns its answer
   * @throws Refusal with the reason as text, when the host or the provider refuses
   * @throws GuestFault when the call is over its limits
   */
  async invoke(binding: string, capability: string, operation: string, payload: Uint8Array): Promise<Uint8Array> {
    this.charge(payload.length)
    try {
      const answer = await this.surroundings.invoke(binding, capability, operation, payload)
      this.#gauge.charge(answer.length * BYTE_FUEL)
      return answer
    } catch (error) {
      if (error instanceof GuestFault) throw error
      throw new Refusal((error as Error).message)
    }
  }
}
