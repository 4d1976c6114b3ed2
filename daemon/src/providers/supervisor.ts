import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { CapabilityBroker, CapabilityInvocation } from '@teapot-network/host'
import { TeapotError } from '@teapot-network/trust'
import { DEFAULT_PROVIDER_LIMITS, type ProviderLimits } from './protocol.ts'
import { RunningProvider } from './running-provider.ts'

/** How providers are run. */
export interface ProviderSupervisorOptions {
  readonly nodePath: string
  /** The bundled `provider.mjs`. */
  readonly providerEntry: string
  /** Each provider gets a directory of its own in here. */
  readonly dataDirectory: string
  readonly limits?: Partial<ProviderLimits>
  /** Told when a provider ended and is started again. */
  readonly onRestart?: (restart: { name: string; restarts: number; reason: string }) => void
}

/** A provider module whose bytes were checked against the ledger and measured, in a file that nobody else writes. */
export interface ProviderImage {
  /** Its name on the ledger: lower case, digits, dots and dashes; names its data directory. */
  readonly name: string
  readonly version: number
  /** What identifies the bytes (their SHA-256 as hex). */
  readonly digest: string
  readonly modulePath: string
  /** Its grants on the ledger; `node:sqlite` lets it use SQLite. */
  readonly grants: readonly string[]
}

/** A provider at work. */
export interface LoadedProvider extends ProviderImage {
  readonly capability: string
  readonly operations: readonly string[]
  readonly pid: number | undefined
  readonly restarts: number
}

/** Runs providers, each in a process of its own, and keeps them running. */
export interface ProviderSupervisor extends AsyncDisposable {
  /**
   * Starts a provider, or swaps in a newer version: calls under way end on the old one.
   * @throws TeapotError `provider/does-not-start`, `provider/version-rollback`, `provider/capability-taken`, `provider/bad-name`
   */
  load(image: ProviderImage): Promise<void>
  /**
   * Serves actors: the host's broker.
   * @throws TeapotError `provider/unknown-capability`, `provider/unknown-operation`, `provider/payload-too-large`,
   * `provider/overloaded`, `provider/lost`, `provider/deadline`, `provider/bad-frame`, and what the provider itself refuses with
   */
  readonly invoke: CapabilityBroker
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
  readonly #providers = new Map<string, RunningProvider>()
  readonly #byCapability = new Map<string, RunningProvider>()
  readonly #retiring = new Set<Promise<void>>()

  constructor(options: ProviderSupervisorOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_PROVIDER_LIMITS, ...options.limits }
  }

  async load(image: ProviderImage): Promise<void> {
    const previous = this.#providers.get(image.name)
    if (previous !== undefined && !isNewer(image, previous.image)) return
    if (!/^[a-z0-9][a-z0-9.-]{0,63}$/.test(image.name))
      throw new TeapotError(
        'provider/bad-name',
        `Expected a name such as keyvalue, found ${JSON.stringify(image.name)}`,
      )
    const dataDirectory = join(resolve(this.#options.dataDirectory), image.name)
    await mkdir(dataDirectory, { recursive: true })
    const provider = new RunningProvider(image, {
      launch: {
        nodePath: this.#options.nodePath,
        providerEntry: resolve(this.#options.providerEntry),
        modulePath: resolve(image.modulePath),
        dataDirectory,
        grants: image.grants,
      },
      limits: this.#limits,
      onRestart: (restarts, reason) => this.#options.onRestart?.({ name: image.name, restarts, reason }),
    })
    const service = await provider.start()
    const taken = this.#byCapability.get(service.capability)
    if (taken !== undefined && taken !== previous) {
      await provider.close(0)
      throw new TeapotError(
        'provider/capability-taken',
        `Expected ${service.capability} to be free, found it served by ${taken.image.name}; unload that first`,
      )
    }
    if (previous !== undefined) this.#forget(previous)
    this.#providers.set(image.name, provider)
    this.#byCapability.set(service.capability, provider)
    if (previous !== undefined) this.#retire(previous, this.#limits.callMs)
  }

  readonly invoke = async (invocation: CapabilityInvocation, signal: AbortSignal): Promise<Uint8Array> => {
    const { capability, operation, payload, actor, binding } = invocation
    const provider = this.#byCapability.get(capability)
    if (provider === undefined)
      throw new TeapotError('provider/unknown-capability', `Expected a capability served here, found ${capability}`)
    const operations = provider.service?.operations
    if (!operations?.has(operation))
      throw new TeapotError(
        'provider/unknown-operation',
        `Expected one of ${[...(operations ?? [])].join(', ')} of ${capability}, found ${operation}`,
      )
    if (payload.length > this.#limits.payloadBytes)
      throw new TeapotError(
        'provider/payload-too-large',
        `Expected a payload of at most ${this.#limits.payloadBytes} bytes, found ${payload.length}`,
      )
    return provider.call({ actor: actor.name, binding, operation, payload }, signal)
  }

  async unload(name: string): Promise<void> {
    const provider = this.#providers.get(name)
    if (provider === undefined) return
    this.#forget(provider)
    await provider.close(this.#limits.closeMs)
  }

  list(): LoadedProvider[] {
    return [...this.#providers.values()].map(({ image, service, pid, restarts }) => ({
      ...image,
      capability: service?.capability ?? '',
      operations: [...(service?.operations ?? [])],
      pid,
      restarts,
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...[...this.#providers.keys()].map((name) => this.unload(name)), ...this.#retiring])
  }

  #retire(provider: RunningProvider, withinMs: number): void {
    const done = provider.close(withinMs).finally(() => this.#retiring.delete(done))
    this.#retiring.add(done)
  }

  #forget(provider: RunningProvider): void {
    this.#providers.delete(provider.image.name)
    if (provider.service !== undefined) this.#byCapability.delete(provider.service.capability)
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
