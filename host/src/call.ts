import type { ActorRelease, HostError, NestedCall } from './host-error.ts'
import type { Release } from './release.ts'

/** A call to an actor. */
export interface CallRequest {
  readonly actor: string
  readonly operation: string
  readonly payload: Uint8Array
  /** From now to the answer, waiting included. */
  readonly deadlineMs?: number | undefined
  /** Records a trace: all that the actor saw of the world during the call (spec/host.md §9). */
  readonly trace?: boolean
  /** Runs on a recorded trace instead of the world. */
  readonly replay?: Uint8Array
  /** Gives up waiting; the sandbox is watched up to the deadline all the same. */
  readonly signal?: AbortSignal
}

/** An answer, and which release gave it. */
export interface CallResult {
  /** A view into a batch of answers: copy what is to be kept for long. */
  readonly payload: Uint8Array
  readonly release: ActorRelease
  /** Fuel that the call used. */
  readonly fuel: number
  /** The trace, when the call asked for one. */
  readonly trace?: Uint8Array
  /** What the actor called, in the order in which it ended. */
  readonly calls: readonly NestedCall[]
}

/** Of a call that makes none: the same for all. */
export const NO_CALLS: readonly NestedCall[] = Object.freeze([])

/** How much a call and all that came of it have asked of other actors: it is kept until the first call ends. */
export interface CallTree {
  calls: number
  bytes: number
}

/** A call, or the load of a module, on its way through a trust group. */
export interface Call {
  readonly id: number
  readonly kind: 'call' | 'load'
  readonly release: Release
  readonly operation: Uint8Array
  readonly payload: Uint8Array
  /** Whether a trace is to be recorded. */
  readonly trace: boolean
  /** The trace to take the world from, when the call is a replay. */
  readonly replay: Uint8Array | undefined
  /** By `performance.now()`. */
  readonly startedAt: number
  readonly deadlineMs: number
  /** The actors through which it came, the first first; empty for a call from outside. */
  readonly origin: readonly ActorRelease[]
  /** Shared with the calls that it came through; made with the first call of another actor. */
  tree: CallTree | undefined
  calls: readonly NestedCall[]
  readonly resolve: (result: CallResult) => void
  readonly reject: (error: unknown) => void
  timer: NodeJS.Timeout | undefined
  settled: boolean
  /** Called once when it is settled, where somebody wants to know. */
  onSettled: (() => void) | undefined
  /** Whether both sides wait for it without sleeping. */
  awake: boolean
  /** How often it was sent to a sandbox. */
  attempts: number
  /** A capability was invoked for it, so it must not be run again. */
  effects: boolean
  /** The capability call it waits for now. */
  hostCall: symbol | undefined
  /** Ends its capability calls. */
  abort: AbortController | undefined
  /** What the host refused its actor, to explain a failure that follows. */
  refused: HostError | undefined
  logLines: number
  /** The trace as the sandbox recorded it. */
  recorded: Buffer | undefined
  /** Of a load: the module as the sandbox prepared it. */
  prepared: Buffer | undefined
}
