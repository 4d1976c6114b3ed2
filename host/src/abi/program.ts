import type { ActorLimits, SandboxLimits } from '../limits.ts'

/** How an actor talks to its host (spec/host.md §3). */
export type Abi = 'wapc' | 'wasi' | 'component'

/**
 * What one instance sees of the world: everything that could differ from one run to the next goes through here, so that here
 * is where a call is recorded, replayed and held to its limits. An ABI waits for nothing else, not even for a turn of the event
 * loop: in a replay what is waited for comes once nothing else is left to do.
 */
export interface Surroundings {
  readonly limits: ActorLimits & SandboxLimits
  /** Capabilities that the actor may use. The host decides by its own record; here they say which interfaces are worth linking. */
  readonly grants: readonly string[]
  /** Environment variables of WASI actors. */
  readonly environment: Readonly<Record<string, string>>
  /** Name of the actor: what a command finds as its first argument. */
  readonly name: string
  /** A line of the guest's console. @throws GuestFault `log-limit` */
  log(text: string): void
  /**
   * Calls a capability. Resolves with its answer, rejects with an Error whose message the guest may see, or with a GuestFault, which
   * ends the call. Neither has to be waited for. Of several at a time one is open, and the others follow in their order.
   * @param binding which of several bindings of the capability; `default` or empty for the only one
   * @param payload not kept
   */
  invoke(binding: string, capability: string, operation: string, payload: Uint8Array): Promise<Uint8Array>
  /** Nanoseconds since 1970. */
  wallClock(): bigint
  /** Nanoseconds since some moment before the call. */
  monotonicClock(): bigint
  /** Fills with random bytes, unpredictable to all but the node. */
  random(into: Uint8Array): void
  /** Waits; the call's deadline goes on. */
  sleep(nanoseconds: bigint): Promise<void>
}

/** A core module after the pass of `host/src/wasm` (spec/host.md §8), compiled. */
export interface CoreModule {
  readonly module: WebAssembly.Module
  /** Why a snapshot of memory and globals does not put its instances back, or `undefined`. */
  readonly unresettable: string | undefined
}

/** An actor's code, compiled and checked, of which instances are made. One class for each ABI implements it. */
export interface Program {
  readonly abi: Abi
  /** How an instance is made clean between calls: put back to a snapshot, or made anew. */
  readonly reset: 'snapshot' | 'fresh'
  /** Makes an instance and runs what it runs at its start. @throws GuestFault, or whatever the guest's own start throws */
  instantiate(surroundings: Surroundings): Guest | Promise<Guest>
}

/** One instance; it runs one call at a time. After a throw it is dropped. */
export interface Guest {
  /** The first `responseLength` bytes are the response of the call that has just ended. */
  readonly response: Uint8Array
  readonly responseLength: number
  /** Why the guest itself says that the call failed. */
  readonly error: string
  /** Fuel that the call that has just ended used, one that threw included; the limit when it did not suffice. */
  readonly fuel: number
  /** The fuel did not suffice: whatever the guest answered or trapped with is no result, and the call is `fuel-exhausted`. */
  readonly exhausted: boolean
  readonly memoryBytes: number
  /**
   * Runs a call to its end; synchronously where nothing has to be waited for.
   * @param operation UTF-8; neither it nor the payload is kept after the call
   * @returns whether the guest calls it a success
   * @throws GuestFault for what the host refuses, or whatever trap the engine throws
   */
  call(operation: Uint8Array, payload: Uint8Array): boolean | Promise<boolean>
  /** Puts the instance back to what it was after its start, where that may be. @returns false when it cannot be: then it is dropped */
  reset?(): boolean
}
