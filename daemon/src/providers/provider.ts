/** What an app's manifest sets for a binding. */
export type Settings = Readonly<Record<string, string>>

/** A capability call as a provider sees it. */
export interface ProviderCall {
  /** The calling actor's name on the ledger; data of different actors never meet. */
  readonly actor: string
  /** Who published the actor; names on the ledger are unique over all publishers. */
  readonly publisher: string
  /** The binding's name, such as `default`; an actor may keep several apart. */
  readonly binding: string
  /** The capability id, such as `wascc:keyvalue`. */
  readonly capability: string
  readonly operation: string
  /** The binding's settings, with secrets filled in. */
  readonly settings: Settings
  /** What the capability's protocol says: MessagePack, a map for waSCC ones, an array of arguments for WASI ones. */
  readonly payload: Uint8Array
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal
}

/** Serves one operation. @throws an error whose `code` starts with `provider/` to refuse */
export type Operation = (call: ProviderCall) => Uint8Array | Promise<Uint8Array>

/** A capability's operations by name. */
export type Operations = Readonly<Record<string, Operation>>

/** One binding of an actor to this provider. */
export interface TellableBinding {
  readonly name: string
  readonly capability: string
  readonly settings: Settings
}

/** What the daemon does for a provider that was granted it. Each throws a {@link ServiceRefusal}. */
export interface DaemonServices {
  /** Keeps a block of at most 1 MiB until it is dropped. Grant `content`. @returns its CID */
  putBlock(bytes: Uint8Array): Promise<string>
  /** Grant `content`. */
  getBlock(cid: string): Promise<Uint8Array>
  /** Lets go of a block that was put. Grant `content`. */
  dropBlock(cid: string): Promise<void>
  /** Calls an actor that is bound to this provider, or has called it. Grant `actors`. @returns the actor's answer */
  callActor(actor: string, operation: string, payload: Uint8Array): Promise<Uint8Array>
}

/** What a provider module gets from the process that runs it. */
export interface ProviderEnvironment {
  /** The only directory it may write to. */
  readonly dataDirectory: string
  /** What the machine's owner set for the provider of this name; `{}` when nothing. */
  readonly operator: Readonly<Record<string, unknown>>
  readonly daemon: DaemonServices
}

/** The native side of one or more capabilities. */
export interface Provider {
  /** What it serves, by capability id. */
  readonly capabilities: Readonly<Record<string, Operations>>
  /** Told all bindings of an actor to this provider, before its calls and with every change; none when it is unloaded. */
  bind?(actor: string, publisher: string, bindings: readonly TellableBinding[]): void
  /** Called before the process ends in good order. */
  close?(): void
}

/** A provider module is one ESM file with this as its default export. */
export type CreateProvider = (environment: ProviderEnvironment) => Provider | Promise<Provider>

/** Whose fault a refusal is: the caller's, nobody's for now, or ours. */
export type RefusalKind = 'refused' | 'unavailable' | 'fault'

/** A refusal by a provider; crosses the process boundary by its code and kind. */
export class ProviderRefusal extends Error {
  override readonly name = 'ProviderRefusal'
  readonly code: `provider/${string}`
  readonly kind: RefusalKind

  constructor(code: `provider/${string}`, message: string, options: { kind?: RefusalKind; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = options.kind ?? 'refused'
  }
}

/** The daemon did not do what a provider asked of it; `code` is the daemon's own (`content/quota-exceeded`, `host/deadline`). */
export class ServiceRefusal extends Error {
  override readonly name = 'ServiceRefusal'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Whether an error is a {@link ServiceRefusal}: by its name, since a module's bundle has a class of its own. */
export function isServiceRefusal(error: unknown): error is ServiceRefusal {
  return error instanceof Error && error.name === 'ServiceRefusal'
}
