import type { Abi } from './abi/program.ts'
import type { EmbeddedClaims } from './claims/embedded.ts'
import type { Rights } from './claims/rights.ts'
import type { ActorRelease } from './host-error.ts'
import type { ActorSettings, Form } from './messages.ts'

/** A loaded release inside the host. */
export interface Release extends ActorRelease {
  /** What sandboxes know it by; never used for other bytes or settings. */
  readonly handle: number
  readonly settings: ActorSettings
  /** What the module claims of itself, where it claims anything. */
  readonly claims: EmbeddedClaims | undefined
  /** What it may use. */
  readonly rights: Rights
  /** All that it was loaded with, as text: what is loaded again alike is not loaded again. */
  readonly wanted: string
  /** Size of the module as published. */
  readonly moduleBytes: number
  /** What a sandbox is sent. */
  module: StoredModule
  /** Calls of it that have not ended. */
  active: number
  /** Capability calls of it that are open. */
  hostCalls: number
  /** Set when a newer one took over; it is forgotten with its last call. */
  superseded: boolean
  /** Known once loaded. */
  reset: 'snapshot' | 'fresh'
  abi: Abi
}

/** A module as sandboxes get it: in memory, or in the module cache alone. */
export interface StoredModule {
  readonly form: Form
  /** Length of what is sent. */
  readonly size: number
  readonly bytes: Uint8Array | undefined
  /** Its name in the module cache. */
  readonly cached: string | undefined
}
