import type { ActorRelease } from './host-error.ts'

/** What an actor asks of a capability, once its rights were found to allow it. */
export interface CapabilityInvocation {
  readonly actor: ActorRelease
  /** The actors through which the call came that it is part of, the first first; empty for a call from outside. */
  readonly origin: readonly ActorRelease[]
  /** The binding's name, such as `default`. */
  readonly binding: string
  /** Name of the provider that the binding asks for; any that serves the capability without it. */
  readonly provider?: string | undefined
  /** What the manifest says to the provider about this binding. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** The capability id, such as `wascc:keyvalue`; never one of {@link ACTOR_CAPABILITY}, which the host serves itself. */
  readonly capability: string
  readonly operation: string
  readonly payload: Uint8Array
}

/**
 * Serves capabilities to actors. What it rejects with is told to the actor as `code: message`. `signal` is aborted when the
 * call behind it has ended otherwise (deadline, lost sandbox).
 */
export type CapabilityBroker = (invocation: CapabilityInvocation, signal: AbortSignal) => Promise<Uint8Array>

/** Begins the capability of calling an actor: `actor:<name>`. */
export const ACTOR_CAPABILITY = 'actor:'
