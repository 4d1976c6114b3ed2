import { availableParallelism } from 'node:os'

/** What one actor may use. An image may ask for less than the host's, never for more (spec/host.md §5). */
const ACTOR_LIMITS = {
  /** WebAssembly pages (64 KiB) that the memories of one instance may have together; of a component, of each of its core modules. */
  memoryPages: 1024,
  /** Elements that the tables of one instance may have together; of a component, of each of its core modules. */
  tableElements: 100_000,
  /** Fuel of one call, and of the start of one instance (spec/host.md §8). */
  fuel: 20_000_000_000,
  /** Deadline of a call that names none. */
  deadlineMs: 1_000,
  /** Longest deadline that a call may ask for. */
  maxDeadlineMs: 30_000,
  /** Calls waiting or running at a time. */
  concurrency: 512,
  /** Largest payload of a call, and of an actor's own call to a capability. */
  payloadBytes: 1 << 20,
  /** Largest response of an actor, and of a capability to an actor. */
  responseBytes: 1 << 20,
  /** Instances, and so calls running at a time, in one sandbox process. */
  instances: 16,
  /** Capability calls that may be open at a time, over all its calls. */
  openHostCalls: 64,
  /** Console lines and bytes that one call may log. */
  logLines: 64,
  logBytes: 16 << 10,
  /** Bytes of a recorded trace of one call. */
  traceBytes: 4 << 20,
  /** Bytes that all files of a scratch directory may hold. */
  scratchBytes: 16 << 20,
}

/** What is the same for all actors (spec/host.md §5). */
const SHARED_LIMITS = {
  /** Largest module that loads. */
  moduleBytes: 8 << 20,
  /** Longest operation, binding or capability name, in UTF-8 bytes. */
  nameBytes: 256,
  /** Megabytes of JavaScript heap of a sandbox process. */
  heapMegabytes: 64,
  /** Megabytes of all memory of a sandbox process, beyond what Node itself maps (spec/host.md §2.3). */
  sandboxMegabytes: 2_048,
  /** Kilobytes of stack of a call to an actor that may wait for a capability; other calls have the process's own. */
  waitingStackKilobytes: 256,
  /** Deadline of loading one module: compiling, `start`, `_start` and `wapc_init`. */
  loadMs: 5_000,
  /** Deadline of a sandbox process to report that it is ready. */
  startMs: 30_000,
  /** How long an actor whose deadline passed inside a capability call may take to wind up before its sandbox is killed. */
  windUpMs: 20,
  /** Calls waiting or running per trust group. */
  calls: 1_024,
  /** Payload bytes waiting or running per trust group. */
  callBytes: 64 << 20,
  /** Bytes kept of an actor's error text, and of what a sandbox process wrote to stdout and stderr. */
  textBytes: 4 << 10,
  /** Sandbox processes at work at a time, over all trust groups; the idlest one makes room. */
  sandboxes: 8,
  /** Sandbox processes that one trust group may grow to. */
  lanes: availableParallelism(),
  /** Calls that a trust group's sandboxes do not get done in so long, twice running, give it one more. */
  backlogMs: 10,
  /** How long a call that is alone in its sandbox is waited for without sleeping; 0 on a machine with one core. */
  awakeMicros: availableParallelism() > 1 ? 100 : 0,
  /** Modules, and their bytes, that one sandbox keeps; the one unused for longest is dropped, and sent again at its next call. */
  modules: 512,
  modulesBytes: 64 << 20,
  /** Bytes that the module cache keeps on disk. */
  cacheBytes: 512 << 20,
  /** Actors that may call one another in a chain. */
  callDepth: 8,
  /** Calls of other actors that may come of one call, and bytes of their payloads and answers. */
  actorCalls: 64,
  actorCallBytes: 16 << 20,
  /** Deadline of transpiling one component, the start of the transpiler included. */
  transpileMs: 20_000,
  /** Largest bundle that a component may become. */
  bundleBytes: 32 << 20,
  /** A sandbox without calls for so long is ended; the next call takes the warm spare. */
  idleMs: 30_000,
}

/** What one actor may use. */
export type ActorLimits = { readonly [Name in keyof typeof ACTOR_LIMITS]: number }

/** Every limit and timeout of the host. */
export type HostLimits = ActorLimits & { readonly [Name in keyof typeof SHARED_LIMITS]: number }

/** What a sandbox is told about limits of all actors, as JSON in its first argument. */
export type SandboxLimits = Pick<HostLimits, 'nameBytes' | 'textBytes' | 'awakeMicros'>

/** The defaults. */
export const DEFAULT_LIMITS: HostLimits = { ...ACTOR_LIMITS, ...SHARED_LIMITS }

/** What an actor may use that asks for `wanted`: never more than the host allows. */
export function actorLimits(host: HostLimits, wanted: Partial<ActorLimits> = {}): ActorLimits {
  const names = Object.keys(ACTOR_LIMITS) as (keyof ActorLimits)[]
  const least = names.map((name) => [name, Math.min(wanted[name] ?? host[name], host[name])])
  return Object.fromEntries(least) as Record<keyof ActorLimits, number>
}
