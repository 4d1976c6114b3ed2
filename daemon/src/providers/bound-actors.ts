import type { Settings, TellableBinding } from './provider.ts'
import type { ProviderProcess } from './provider-process.ts'
import type { RunningProvider } from './running-provider.ts'
import type { Secrets } from './secrets.ts'

/** One binding of an app's manifest. */
export interface ProviderBinding {
  readonly name: string
  readonly capability: string
  /** The provider's name, where the manifest picks one. */
  readonly provider?: string | undefined
  readonly settings?: Settings | undefined
}

interface BoundActor {
  readonly publisher: string
  readonly bindings: readonly ProviderBinding[]
}

/** Who is bound to what, for providers that must know before they are called (subscriptions). */
export class BoundActors {
  readonly #actors = new Map<string, BoundActor>()
  readonly #find: (capability: string, name: string | undefined) => RunningProvider | undefined
  readonly #secrets: Secrets

  constructor(find: (capability: string, name: string | undefined) => RunningProvider | undefined, secrets: Secrets) {
    this.#find = find
    this.#secrets = secrets
  }

  set({ name, publisher }: { name: string; publisher: string }, bindings: readonly ProviderBinding[]): void {
    // An actor without any stays, until whoever had one was told.
    this.#actors.set(name, { publisher, bindings })
  }

  /** Whether the actor has a binding that this provider serves. */
  has(provider: RunningProvider, actor: string): boolean {
    return this.#of(provider, this.#actors.get(actor)).length > 0
  }

  /** Tells providers about one actor, or about all when it may be another provider by now that serves them. */
  tellAll(providers: Iterable<RunningProvider>, actor?: string): void {
    for (const provider of providers) if (provider.alive !== undefined) this.tell(provider, provider.alive, actor)
    for (const [name, { bindings }] of this.#actors) if (bindings.length === 0) this.#actors.delete(name)
  }

  /** Tells one process. */
  tell(provider: RunningProvider, process: ProviderProcess, only?: string): void {
    for (const [actor, bound] of this.#actors) {
      if (only !== undefined && actor !== only) continue
      const bindings = this.#of(provider, bound)
      if (only === undefined && bindings.length === 0) continue
      const told = bindings.flatMap((binding) => this.#tellable(actor, binding) ?? [])
      process.bind(actor, bound.publisher, told)
    }
  }

  #of(provider: RunningProvider, actor: BoundActor | undefined): ProviderBinding[] {
    return (actor?.bindings ?? []).filter(
      ({ capability, provider: name }) =>
        provider.service.has(capability) && this.#find(capability, name)?.image.name === provider.image.name,
    )
  }

  /** A binding whose secret is missing is left out here; a call through it is told why. */
  #tellable(actor: string, { name, capability, settings = {} }: ProviderBinding): TellableBinding | undefined {
    try {
      return { name: name || 'default', capability, settings: this.#secrets.fillIn(actor, settings) }
    } catch {
      return undefined
    }
  }
}
