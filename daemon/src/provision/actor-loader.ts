import type { Binding, Host } from '@teapot-network/host'
import { fromHex, type LedgerEntry, parseGrants } from '@teapot-network/trust'
import type { AppActor, AppManifest } from '@teapot-network/trust/app'
import type { Log } from '../log.ts'
import type { ProviderSupervisor } from '../providers/index.ts'
import { checkManifest, Manifests, type Route, type Standing } from './manifests.ts'
import type { LoadContext, Loader } from './provisioner.ts'

/** What runs actors and tells providers of them. */
export interface ActorLoaderParts {
  readonly host: Pick<Host, 'load' | 'unload' | 'list'>
  readonly providers: Pick<ProviderSupervisor, 'bind'>
  readonly standing: () => Standing
  readonly log: Log
}

/** Loads actors as their manifests say, and has them loaded anew whenever a manifest comes, changes or goes. */
export class ActorLoader implements Loader {
  readonly #parts: ActorLoaderParts
  readonly #manifests = new Manifests()
  readonly #loaded = new Map<string, LedgerEntry>()
  /** Whose manifest is another than when they were loaded. */
  readonly #stale = new Set<string>()
  #routes: readonly Route[] | undefined

  constructor(parts: ActorLoaderParts) {
    this.#parts = parts
  }

  /** Where requests to apps go, as things stand. */
  routes(): readonly Route[] {
    this.#routes ??= this.#manifests.routes(this.#loaded)
    return this.#routes
  }

  present(): ReadonlySet<string> {
    const names = this.#parts.host.list().map(({ name }) => name)
    return new Set(names.filter((name) => !this.#stale.has(name)))
  }

  async load(entry: LedgerEntry, bytes: Uint8Array, { signal }: LoadContext): Promise<void> {
    const { host, providers } = this.#parts
    const applies = this.#applying(entry)
    const { name, version, sha256: digest, publisher } = entry
    const image = { name, publisher, version, digest, grants: parseGrants(fromHex(entry.grants)), bytes }
    await host.load({ ...image, ...(applies && settingsOf(applies.actor)) }, { signal })
    providers.bind(entry, host.list().find((actor) => actor.name === name)?.bindings ?? [])
    this.#loaded.set(name, entry)
    this.#stale.delete(name)
    this.#routes = undefined
  }

  async unload(entry: LedgerEntry): Promise<void> {
    this.#parts.host.unload(entry.name)
    this.#parts.providers.bind(entry, [])
    this.#loaded.delete(entry.name)
    this.#routes = undefined
  }

  /** Takes a manifest; the actors that it concerns are not {@link present} until they are loaded anew. */
  setManifest(entry: LedgerEntry, manifest: AppManifest, { place }: LoadContext): void {
    this.#expire(this.#manifests.set(entry, manifest, place))
  }

  /** Forgets a manifest, as {@link setManifest}. */
  removeManifest(entry: LedgerEntry): void {
    this.#expire(this.#manifests.remove(entry))
  }

  #expire(names: ReadonlySet<string>): void {
    for (const name of names) if (this.#loaded.has(name)) this.#stale.add(name)
    this.#routes = undefined
  }

  /** The manifest under which an actor runs. What it forbids does not go on running either. */
  #applying(entry: LedgerEntry): { actor: AppActor } | undefined {
    const { standing, log } = this.#parts
    for (const name of this.#manifests.refused(entry))
      log.warn('a manifest does not apply to an actor that an earlier one names', { name, actor: entry.name })
    const applies = this.#manifests.of(entry)
    try {
      if (applies !== undefined) checkManifest(entry, applies, standing())
      return applies
    } catch (error) {
      if (this.#loaded.has(entry.name)) void this.unload(entry)
      throw error
    }
  }
}

function settingsOf({ bindings, limits, environment }: AppActor) {
  const named = bindings.map(({ provider, ...binding }): Binding => ({ ...binding, ...(provider && { provider }) }))
  return { limits, environment, bindings: named }
}
