/** A capability call as a provider sees it. */
export interface ProviderCall {
  /** The calling actor's name on the ledger; data of different actors never meet. */
  readonly actor: string
  /** The binding's name, such as `default`; an actor may keep several apart. */
  readonly binding: string
  readonly operation: string
  /** What the capability's protocol says, MessagePack for waSCC ones. */
  readonly payload: Uint8Array
}

/** What a provider module gets from the process that runs it. */
export interface ProviderEnvironment {
  /** The only directory it may write to. */
  readonly dataDirectory: string
}

/** The native side of one capability. */
export interface Provider {
  /** The capability id, such as `wascc:keyvalue`. */
  readonly capability: string
  readonly operations: readonly string[]
  /** Serves one of its operations. @throws an error whose `code` starts with `provider/` to refuse */
  invoke(call: ProviderCall): Uint8Array | Promise<Uint8Array>
  /** Called before the process ends in good order. */
  close?(): void
}

/** A provider module is one ESM file with this as its default export. */
export type CreateProvider = (environment: ProviderEnvironment) => Provider | Promise<Provider>

/** A refusal by a provider; crosses the process boundary by its code. */
export class ProviderRefusal extends Error {
  override readonly name = 'ProviderRefusal'
  readonly code: `provider/${string}`

  constructor(code: `provider/${string}`, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
