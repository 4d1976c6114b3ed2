import type { Abi } from './abi/program.ts'
import { type ActorRelease, HostError, type HostErrorKind } from './host-error.ts'
import type { ActorSettings, Failure, Form } from './messages.ts'

/** A loaded release inside the host. */
export interface Release extends ActorRelease {
  /** What sandboxes know it by; never used twice. */
  readonly handle: number
  readonly module: Uint8Array
  readonly form: Form
  readonly settings: ActorSettings
  /** Calls of it that have not ended. */
  active: number
  /** Set when a newer one took over; it is forgotten with its last call. */
  superseded: boolean
  /** Known once loaded. */
  reset: 'snapshot' | 'fresh'
  abi: Abi
}

/** What a sandbox answered a call or load. */
export interface SandboxAnswer {
  /** The `ok` frame, fuel included. */
  readonly body: Buffer
  readonly trace: Buffer | undefined
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
  readonly deadlineMs: number
  readonly resolve: (answer: SandboxAnswer) => void
  readonly reject: (error: unknown) => void
  timer: NodeJS.Timeout | undefined
  settled: boolean
  /** How often it was sent to a sandbox. */
  attempts: number
  /** A capability was invoked for it, so it must not be run again. */
  effects: boolean
  /** The capability call it waits for now. */
  hostCall: symbol | undefined
  /** Ends its capability calls. */
  abort: AbortController | undefined
  /** What it was denied, to explain a failure that follows. */
  denied: string | undefined
  logLines: number
  /** As the sandbox recorded it. */
  recorded: Buffer | undefined
}

const KINDS: Partial<Record<Failure, HostErrorKind>> = {
  trap: 'fault',
  'out-of-memory': 'fault',
  'stack-overflow': 'fault',
  'fuel-exhausted': 'fault',
}

/** The error of a call whose actor failed; a denial before it is the reason that matters. */
export function failureOf(call: Call, failure: Failure, text: string, fuel: number): HostError {
  const about = `${call.release.name} v${call.release.version}`
  if (failure === 'actor-error' && call.denied !== undefined)
    return new HostError('host/capability-denied', call.denied, {
      cause: text,
      release: call.release,
      fuel,
      trace: call.recorded,
    })
  const message = failure === 'actor-error' ? text : `${about}: ${text}`
  return new HostError(`host/${failure}`, message, {
    kind: KINDS[failure] ?? 'refused',
    release: call.release,
    fuel,
    trace: call.recorded,
  })
}
