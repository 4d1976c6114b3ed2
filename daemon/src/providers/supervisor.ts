import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Confinement, createConfinement } from '@teapot-network/host'
import { TeapotError } from '@teapot-network/trust'
import { BoundActors, type ProviderBinding } from './bound-actors.ts'
import { DEFAULT_PROVIDER_LIMITS, type ProviderLimits } from './protocol.ts'
import type { DaemonServices, Settings } from './provider.ts'
import type { ProviderImage } from './provider-image.ts'
import { RunningProvider } from './running-provider.ts'
import { Secrets } from './secrets.ts'
import { serveProvider } from './services.ts'

/** How providers are run. */
export interface ProviderSupervisorOptions {
  /** The Node 26 executable that providers run on. */
  readonly nodePath: string
  /** How processes are started, when others share it: it stays the caller's. Otherwise one of its own, the strongest that this machine offers. */
  readonly confinement?: Confinement
  /** The bundled `provider.mjs`. */
  readonly providerEntry: string
  /** Each provider gets a directory of its own in here. */
  readonly dataDirectory: string
  readonly limits?: Partial<ProviderLimits>
  /** What the machine's owner sets, by the provider's name (spec/host.md §6.9). */
  readonly operator?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined
  /** The owner's file of secrets, by actor; see {@link Secrets}. */
  readonly secretsFile?: string | undefined
  /** What providers with the grants `content` and `actors` may ask of the daemon. */
  readonly services?: DaemonServices
  /** Told when a provider ended and is started again. */
  readonly onRestart?: (restart: { name: string; restarts: number; reason: string }) => void
}

/** A provider at work; without a process while it rests. */
export interface LoadedProvider extends Omit<ProviderImage, 'bytes'> {
  /** Operations by capability id. */
  readonly capabilities: Readonly<Record<string, readonly string[]>>
  readonly pid: number | undefined
  readonly restarts: number
}

/** What an actor asks of a capability, once its rights were found to allow it. */
export interface ProviderInvocation {
  readonly actor: { readonly name: string; readonly publisher: string }
  /** The binding's name; some old actors leave it empty and mean `default`. */
  readonly binding: string
  readonly capability: string
  readonly operation: string
  readonly payload: Uint8Array
  /** The binding's settings. */
  readonly settings?: Settings | undefined
  /** The provider that the binding names; without one, the first loaded that serves the capability to all. */
  readonly provider?: string | undefined
}

/** Runs providers, each in a process of its own, and keeps them running. */
export interface ProviderSupervisor extends AsyncDisposable {
  /**
   * Starts a provider, or swaps in a newer version: calls under way end on the old one.
   * @throws TeapotError `provider/does-not-start`, `provider/version-rollback`, `provider/bad-name`, `provider/lost` once disposed of; HostError `host/isolation-unavailable`
   */
  load(image: ProviderImage): Promise<void>
  /**
   * Serves actors: the host's broker.
   * @throws TeapotError `provider/unknown-capability`, `provider/unknown-operation`, `provider/payload-too-large`,
   * `provider/bad-settings`, `provider/unknown-secret`, `provider/unsafe-secrets`, `provider/overloaded`, `provider/lost`,
   * `provider/deadline`, `provider/bad-frame`, and what the provider itself refuses with
   */
  readonly invoke: (invocation: ProviderInvocation, signal: AbortSignal) => Promise<Uint8Array>
  /** Tells what an actor is bound to, in place of what was told before: subscriptions begin with this. None ends them. */
  bind(actor: { readonly name: string; readonly publisher: string }, bindings: readonly ProviderBinding[]): void
  unload(name: string): Promise<void>
  list(): LoadedProvider[]
}

/** Starts with no provider; see {@link ProviderSupervisor.load}. */
export function createProviderSupervisor(options: ProviderSupervisorOptions): ProviderSupervisor {
  return new Supervisor(options)
}

class Supervisor implements ProviderSupervisor {
  readonly #options: ProviderSupervisorOptions
  readonly #limits: ProviderLimits
  readonly #secrets: Secrets
  /** In the order in which they were first loaded. */
  readonly #providers = new Map<string, RunningProvider>()
  readonly #bound: BoundActors
  readonly #retiring = new Set<Promise<void>>()
  /** The last load of each name: they follow one another. */
  readonly #loading = new Map<string, Promise<void>>()
  #closed = false
  /** Its own, if it needed one. */
  #confinement: Promise<Confinement> | undefined

  constructor(options: ProviderSupervisorOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_PROVIDER_LIMITS, ...options.limits }
    this.#secrets = new Secrets(options.secretsFile)
    this.#bound = new BoundActors((capability, name) => this.#find(capability, name), this.#secrets)
  }

  load(image: ProviderImage): Promise<void> {
    const before = this.#loading.get(image.name) ?? Promise.resolve()
    const loading = before.catch(() => {}).then(() => this.#load(image))
    this.#loading.set(image.name, loading)
    return loading
  }

  async #load(image: ProviderImage): Promise<void> {
    if (this.#closed) throw new TeapotError('provider/lost', 'Expected providers that run, found them ended')
    const previous = this.#providers.get(image.name)
    if (previous !== undefined && !isNewer(image, previous.image)) return
    if (!/^[a-z0-9][a-z0-9.-]{0,63}$/.test(image.name))
      throw new TeapotError(
        'provider/bad-name',
        `Expected a name such as keyvalue, found ${JSON.stringify(image.name)}`,
      )
    const provider = await this.#run(image)
    try {
      await provider.start()
    } catch (error) {
      await provider.close(0)
      throw error
    }
    this.#providers.set(image.name, provider)
    this.#bound.tellAll(this.#providers.values())
    if (previous !== undefined) this.#retire(previous, this.#limits.callMs)
  }

  readonly invoke = async (invocation: ProviderInvocation, signal: AbortSignal): Promise<Uint8Array> => {
    const { actor, capability, operation, payload } = invocation
    const provider = this.#find(capability, invocation.provider)
    const operations = provider?.service.get(capability)
    if (provider === undefined || operations === undefined) throw this.#unknown(capability, invocation.provider)
    if (!operations.has(operation))
      throw new TeapotError(
        'provider/unknown-operation',
        `Expected one of ${[...operations].join(', ')} of ${capability}, found ${operation}`,
      )
    if (payload.length > this.#limits.payloadBytes)
      throw new TeapotError(
        'provider/payload-too-large',
        `Expected a payload of at most ${this.#limits.payloadBytes} bytes, found ${payload.length}`,
      )
    const settings = this.#settings(actor.name, invocation.settings)
    const binding = invocation.binding || 'default'
    const call = { actor: actor.name, publisher: actor.publisher, binding, capability, operation, settings, payload }
    return provider.call(call, signal)
  }

  bind(actor: { name: string; publisher: string }, bindings: readonly ProviderBinding[]): void {
    this.#bound.set(actor, bindings)
    this.#bound.tellAll(this.#providers.values(), actor.name)
  }

  async unload(name: string): Promise<void> {
    const provider = this.#providers.get(name)
    if (provider === undefined) return
    this.#providers.delete(name)
    this.#bound.tellAll(this.#providers.values())
    await provider.close(this.#limits.closeMs)
  }

  list(): LoadedProvider[] {
    return [...this.#providers.values()].map(({ image: { bytes: _, ...image }, service, pid, restarts }) => ({
      ...image,
      capabilities: Object.fromEntries([...service].map(([id, operations]) => [id, [...operations]])),
      pid,
      restarts,
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#loading.values())
    await Promise.all([...[...this.#providers.keys()].map((name) => this.unload(name)), ...this.#retiring])
    const confinement = await this.#confinement?.catch(() => undefined)
    await confinement?.[Symbol.asyncDispose]()
  }

  async #run(image: ProviderImage): Promise<RunningProvider> {
    const { providerEntry, operator = {}, services, onRestart } = this.#options
    const confinement = this.#options.confinement ?? (await this.#ownConfinement())
    const dataDirectory = join(resolve(this.#options.dataDirectory), image.name)
    await mkdir(dataDirectory, { recursive: true })
    const provider: RunningProvider = new RunningProvider(image, {
      launch: {
        confinement,
        providerEntry: resolve(providerEntry),
        module: image.bytes,
        dataDirectory,
        grants: image.grants,
        operator: operator[image.name] ?? {},
      },
      limits: this.#limits,
      onStart: (process) => this.#bound.tell(provider, process),
      onRestart: (restarts, reason) => onRestart?.({ name: image.name, restarts, reason }),
      onRequest: (request) => {
        const mayCall = (actor: string) => provider.callers.has(actor) || this.#bound.has(provider, actor)
        return serveProvider(request, image.grants, mayCall, services)
      },
    })
    return provider
  }

  #ownConfinement(): Promise<Confinement> {
    this.#confinement ??= createConfinement({ nodePath: this.#options.nodePath, isolation: 'best' })
    return this.#confinement
  }

  #find(capability: string, name: string | undefined): RunningProvider | undefined {
    if (name !== undefined) return this.#providers.get(name)
    for (const provider of this.#providers.values())
      if (provider.service.has(capability) && !provider.image.grants.includes('by-name')) return provider
    return undefined
  }

  #unknown(capability: string, name: string | undefined): TeapotError {
    const serving = [...this.#providers.values()].filter(({ service }) => service.has(capability))
    const names = serving.map(({ image }) => image.name).join(', ') || 'nobody'
    const wanted = name === undefined ? '' : ` by ${name}`
    return new TeapotError(
      'provider/unknown-capability',
      `Expected a capability served here, found ${capability}${wanted}, which is served by ${names}`,
    )
  }

  #settings(actor: string, settings: Settings = {}): Settings {
    const filled = this.#secrets.fillIn(actor, settings)
    const size = Buffer.byteLength(JSON.stringify(filled))
    if (size <= this.#limits.settingsBytes) return filled
    throw new TeapotError(
      'provider/bad-settings',
      `Expected settings of at most ${this.#limits.settingsBytes} bytes, found ${size}`,
    )
  }

  #retire(provider: RunningProvider, withinMs: number): void {
    const done = provider.close(withinMs).finally(() => this.#retiring.delete(done))
    this.#retiring.add(done)
  }
}

/** @throws TeapotError `provider/version-rollback`. @returns false for exactly what runs already */
function isNewer(image: ProviderImage, running: ProviderImage): boolean {
  const same = image.version === running.version
  if (same && image.digest === running.digest) return false
  if (!same && image.version > running.version) return true
  throw new TeapotError(
    'provider/version-rollback',
    `Expected a version of ${image.name} above ${running.version}, found ${image.version}; publish the change as a newer version`,
  )
}
