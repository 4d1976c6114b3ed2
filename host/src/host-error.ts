/** `refused`: the input is at fault; `unavailable`: try again later; `fault`: ours or the machine's. */
export type HostErrorKind = 'refused' | 'unavailable' | 'fault'

/** Which loaded actor an answer or an error belongs to: what a receipt must name. */
export interface ActorRelease {
  /** The actor's name on the ledger. */
  readonly name: string
  /** The publisher, which is also the trust group: actors of one publisher share a sandbox. */
  readonly publisher: string
  /** Strictly increasing per name. */
  readonly version: number
  /** What identifies the module's bytes to the caller (its SHA-256 as hex); the host only compares it. */
  readonly digest: string
  /** Capability ids such as `wascc:keyvalue`, as granted on the ledger. */
  readonly grants: readonly string[]
}

/** A call of one actor by another that has ended. Refusals before the other was reached are none (spec/host.md §10.5). */
export interface NestedCall {
  /** Of the actor that was called. */
  readonly release: ActorRelease
  readonly operation: string
  readonly payload: Uint8Array
  /** `ok`, or the code of the error that it ended with. */
  readonly outcome: string
  /** What it answered, or the error's text in UTF-8. */
  readonly answer: Uint8Array
  /** Fuel that it used, without that of its own calls; where it got as far as using some. */
  readonly fuel: number | undefined
  readonly calls: readonly NestedCall[]
}

/**
 * Every error of the host. `code` is stable (`host/deadline`); the message says what was expected, what came, and what to do.
 * Structurally the same as trust's `TeapotError`: the host imports no other room.
 */
export class HostError extends Error {
  override readonly name = 'HostError'
  readonly code: `host/${string}`
  readonly kind: HostErrorKind
  /** The actor that the call had reached when it failed, where there was one. */
  readonly release: ActorRelease | undefined
  /** Fuel that the call had used, where it got as far as using some. */
  readonly fuel: number | undefined
  /** The recorded trace of a call that asked for one. */
  readonly trace: Uint8Array | undefined
  /** What the actor had called until then; undefined when the call was refused before it was one. */
  readonly calls: readonly NestedCall[] | undefined

  constructor(
    code: `host/${string}`,
    message: string,
    options: {
      kind?: HostErrorKind
      cause?: unknown
      release?: ActorRelease
      fuel?: number
      trace?: Uint8Array | undefined
      calls?: readonly NestedCall[]
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = options.kind ?? 'refused'
    this.release = options.release
    this.fuel = options.fuel
    this.trace = options.trace
    this.calls = options.calls
  }
}
