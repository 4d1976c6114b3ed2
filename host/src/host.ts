import type { Abi } from './abi/program.ts'
import type { CallRequest, CallResult } from './call.ts'
import type { CapabilityBroker } from './capability.ts'
import type { Binding } from './claims/rights.ts'
import type { Isolation } from './confinement/isolation.ts'
import type { Hook } from './hooks.ts'
import type { ActorRelease } from './host-error.ts'
import type { ActorLimits, HostLimits } from './limits.ts'

export type { CallRequest, CallResult } from './call.ts'

/** How a host is set up. */
export interface HostOptions {
  /** The Node 26 executable that sandboxes run. */
  readonly nodePath: string
  /** The sandbox's code: the bundled `sandbox.mjs`, or `host/src/sandbox/main.ts` in development. */
  readonly sandboxEntry: string
  /** What transpiles components: the bundled `transpiler.mjs`, or `host/src/transpiler/main.ts`. Without one they are refused. */
  readonly transpilerEntry?: string
  /** `best` (the default) takes the highest level that this machine offers; a level by name demands it. */
  readonly isolation?: Isolation | 'best'
  readonly limits?: Partial<HostLimits>
  readonly invoke: CapabilityBroker
  /** Asked in turn before each load, call and capability call; each may refuse. */
  readonly hooks?: readonly Hook[]
  /** Where prepared modules are kept; without one they stay in memory. */
  readonly cacheDirectory?: string
  /** Secret that vouches for the files in it; without one the cache does not outlive the host. */
  readonly cacheKey?: Uint8Array
  /** Milliseconds since 1970, by which the claims of modules are held valid; the machine's clock by default. */
  readonly now?: () => number
  /** Gets what actors write to their console. */
  readonly onLog?: (line: { actor: ActorRelease; text: string }) => void
}

/** An actor as it is to be loaded; the bytes are trusted to be what `digest` says. */
export interface ActorImage extends ActorRelease {
  /** A core module or a component, as published. */
  readonly bytes: Uint8Array
  /** Less than the host allows; more is cut to that. */
  readonly limits?: Partial<ActorLimits>
  /** Environment variables of WASI actors. */
  readonly environment?: Readonly<Record<string, string>>
  /** Of a manifest that covers the actor: it may use nothing else. Without one each grant has the binding `default`. */
  readonly bindings?: readonly Binding[]
}

/** What is loaded. */
export interface LoadedActor extends ActorRelease {
  readonly moduleBytes: number
  /** How instances are made clean between calls: put back to a snapshot, or made anew. */
  readonly reset: 'snapshot' | 'fresh'
  readonly abi: Abi
  /** What of its bindings is granted and claimed too. */
  readonly bindings: readonly Binding[]
  /** Calls waiting or running. */
  readonly active: number
}

/** Runs actors of many publishers, each publisher's in sandbox processes of their own. */
export interface Host extends AsyncDisposable {
  readonly isolation: Isolation
  /** Why the level of isolation is no higher, one reason a level; empty at the highest. */
  readonly isolationReasons: readonly string[]
  readonly limits: HostLimits
  /**
   * Loads an actor, or swaps in a newer version: new calls go to it, those under way end on the old one.
   * The same version with the same digest only takes over its grants, bindings, limits and environment.
   * Claims in the module are checked each time (spec/host.md §7.2).
   * @throws HostError `host/claims-malformed`, `host/claims-forged`, `host/claims-expired`, `host/claims-not-yet-valid`,
   * `host/claims-of-another-module`, `host/bad-module`, `host/forbidden-import`, `host/version-rollback`, `host/publisher-mismatch`,
   * `host/deadline`, `host/trap`, `host/out-of-memory`, `host/stack-overflow`, `host/fuel-exhausted`, `host/refused-by-hook`,
   * `host/overloaded`, `host/sandbox-lost`, `host/bad-frame`
   */
  load(image: ActorImage, options?: { signal?: AbortSignal }): Promise<void>
  /**
   * Calls an actor.
   * @throws HostError `host/unknown-actor`, `host/payload-too-large`, `host/overloaded`, `host/deadline`, `host/actor-error` (with
   * the actor's own text), `host/capability-denied`, `host/too-many-host-calls`, `host/call-too-deep`, `host/too-many-actor-calls`, `host/refused-by-hook`,
   * `host/trap`, `host/out-of-memory`, `host/stack-overflow`, `host/fuel-exhausted`, `host/log-limit`, `host/response-too-large`,
   * `host/trace-too-large`, `host/replay-mismatch`, `host/bad-frame`, `host/sandbox-lost`; the signal's reason when it is aborted
   */
  call(request: CallRequest): Promise<CallResult>
  /** Forgets an actor once its calls have ended; its version stays the lowest that may be loaded. */
  unload(name: string): void
  list(): LoadedActor[]
  /** Process ids of the sandboxes at work, with their publishers. */
  sandboxes(): { publisher: string; pid: number | undefined }[]
}
