import { availableParallelism } from 'node:os'

/** What a sandbox is told about limits of all actors, as JSON in its first argument. */
export interface SandboxLimits {
  readonly nameBytes: number
  readonly textBytes: number
  readonly awakeMicros: number
}

/** What one actor may use. An image may ask for less than the host's, never for more (spec/host.md §5). */
export interface ActorLimits {
  /** WebAssembly pages (64 KiB) that the memories of one instance may have together; of a component, of each of its core modules. */
  readonly memoryPages: number
  /** Elements that the tables of one instance may have together; of a component, of each of its core modules. */
  readonly tableElements: number
  /** Fuel of one call, and of the start of one instance (spec/host.md §8). */
  readonly fuel: number
  /** Deadline of a call that names none. */
  readonly deadlineMs: number
  /** Longest deadline that a call may ask for. */
  readonly maxDeadlineMs: number
  /** Calls waiting or running at a time. */
  readonly concurrency: number
  /** Largest payload of a call, and of an actor's own call to a capability. */
  readonly payloadBytes: number
  /** Largest response of an actor, and of a capability to an actor. */
  readonly responseBytes: number
  /** Instances, and so calls running at a time, in one sandbox process. */
  readonly instances: number
  /** Capability calls that may be open at a time, over all its calls. */
  readonly openHostCalls: number
  /** Console lines and bytes that one call may log. */
  readonly logLines: number
  readonly logBytes: number
  /** Bytes of a recorded trace of one call. */
  readonly traceBytes: number
  /** Bytes that all files of a scratch directory may hold. */
  readonly scratchBytes: number
}

/** Every limit and timeout of the host, in one table (spec/host.md §5). */
export interface HostLimits extends ActorLimits {
  /** Largest module that loads. */
  readonly moduleBytes: number
  /** Longest operation, binding or capability name, in UTF-8 bytes. */
  readonly nameBytes: number
  /** Megabytes of JavaScript heap of a sandbox process. */
  readonly heapMegabytes: number
  /** Megabytes of all memory of a sandbox process, beyond what Node itself maps (spec/host.md §2.3). */
  readonly sandboxMegabytes: number
  /** Kilobytes of stack of a call to an actor that may wait for a capability; other calls have the process's own. */
  readonly waitingStackKilobytes: number
  /** Deadline of loading one module: compiling, `start`, `_start` and `wapc_init`. */
  readonly loadMs: number
  /** Deadline of a sandbox process to report that it is ready. */
  readonly startMs: number
  /** How long an actor whose deadline passed inside a capability call may take to wind up before its sandbox is killed. */
  readonly windUpMs: number
  /** Calls waiting or running per trust group. */
  readonly calls: number
  /** Payload bytes waiting or running per trust group. */
  readonly callBytes: number
  /** Bytes kept of an actor's error text, and of what a sandbox process wrote to stdout and stderr. */
  readonly textBytes: number
  /** Sandbox processes at work at a time, over all trust groups; the idlest one makes room. */
  readonly sandboxes: number
  /** Sandbox processes that one trust group may grow to. */
  readonly lanes: number
  /** Calls that a trust group's sandboxes do not get done in so long, twice running, give it one more. */
  readonly backlogMs: number
  /** How long a call that is alone in its sandbox is waited for without sleeping; 0 on a machine with one core. */
  readonly awakeMicros: number
  /** Modules, and their bytes, that one sandbox keeps; the one unused for longest is dropped, and sent again at its next call. */
  readonly modules: number
  readonly modulesBytes: number
  /** Bytes that the module cache keeps on disk. */
  readonly cacheBytes: number
  /** Actors that may call one another in a chain. */
  readonly callDepth: number
  /** Calls of other actors that may come of one call, and bytes of their payloads and answers. */
  readonly actorCalls: number
  readonly actorCallBytes: number
  /** Deadline of transpiling one component, the start of the transpiler included. */
  readonly transpileMs: number
  /** Largest bundle that a component may become. */
  readonly bundleBytes: number
  /** A sandbox without calls for so long is ended; the next call takes the warm spare. */
  readonly idleMs: number
}

const ACTOR_LIMITS: ActorLimits = {
  memoryPages: 1024,
  tableElements: 100_000,
  fuel: 20_000_000_000,
  deadlineMs: 1_000,
  maxDeadlineMs: 30_000,
  concurrency: 512,
  payloadBytes: 1 << 20,
  responseBytes: 1 << 20,
  instances: 16,
  openHostCalls: 64,
  logLines: 64,
  logBytes: 16 << 10,
  traceBytes: 4 << 20,
  scratchBytes: 16 << 20,
}

/** The defaults; {@link HostLimits} says what each is for. */
export const DEFAULT_LIMITS: HostLimits = {
  ...ACTOR_LIMITS,
  moduleBytes: 8 << 20,
  nameBytes: 256,
  heapMegabytes: 64,
  sandboxMegabytes: 2_048,
  waitingStackKilobytes: 256,
  loadMs: 5_000,
  transpileMs: 20_000,
  bundleBytes: 32 << 20,
  startMs: 10_000,
  windUpMs: 20,
  calls: 1_024,
  callBytes: 64 << 20,
  textBytes: 4 << 10,
  sandboxes: 8,
  lanes: availableParallelism(),
  backlogMs: 10,
  awakeMicros: availableParallelism() > 1 ? 100 : 0,
  modules: 512,
  modulesBytes: 64 << 20,
  cacheBytes: 512 << 20,
  callDepth: 8,
  actorCalls: 64,
  actorCallBytes: 16 << 20,
  idleMs: 30_000,
}

/** What an actor may use that asks for `wanted`: never more than the host allows. */
export function actorLimits(host: HostLimits, wanted: Partial<ActorLimits> = {}): ActorLimits {
  const names = Object.keys(ACTOR_LIMITS) as (keyof ActorLimits)[]
  const least = names.map((name) => [name, Math.min(wanted[name] ?? host[name], host[name])])
  return Object.fromEntries(least) as Record<keyof ActorLimits, number>
}
