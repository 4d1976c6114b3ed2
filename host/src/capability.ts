import type { ActorRelease } from './host-error.ts'

/** What an actor asks of a capability, once its grants were found to allow it. */
export interface CapabilityInvocation {
  readonly actor: ActorRelease
  /** The binding's name as the actor gave it, such as `default`. */
  readonly binding: string
  /** The capability id, such as `wascc:keyvalue`. */
  readonly capability: string
  readonly operation: string
  readonly payload: Uint8Array
}

/**
 * Serves capabilities to actors. What it rejects with is told to the actor as `code: message`. `signal` is aborted when the
 * call behind it has ended otherwise (deadline, lost sandbox).
 */
export type CapabilityBroker = (invocation: CapabilityInvocation, signal: AbortSignal) => Promise<Uint8Array>
