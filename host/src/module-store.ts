import { hash } from 'node:crypto'
import type { ActorLimits } from './limits.ts'
import { cacheName, type ModuleCache } from './module-cache.ts'
import type { Release, StoredModule } from './release.ts'
import { PREPARE_VERSION } from './wasm/prepare-module.ts'

/** Turns a component into the bundle that sandboxes take. */
export interface Transpiler {
  /** Changes with all that its output depends on. */
  readonly version: string
  transpile(component: Uint8Array, limits: ActorLimits, signal: AbortSignal | undefined): Promise<Uint8Array>
}

/** What a module store needs of an actor. */
export interface ModuleSource {
  readonly publisher: string
  readonly bytes: Uint8Array
}

/** Bytes 4 to 7 of a component (component model, Binary.md); a core module has `01 00 00 00`. */
const COMPONENT_LAYER = Uint8Array.of(0x0d, 0x00, 0x01, 0x00)

/**
 * The modules that sandboxes are sent, in the form that costs them least. With a cache the bytes stay on disk alone
 * (spec/host.md §5.6).
 */
export class ModuleStore {
  readonly #cache: ModuleCache | undefined
  readonly #transpiler: Transpiler

  constructor(cache: ModuleCache | undefined, transpiler: Transpiler) {
    this.#cache = cache
    this.#transpiler = transpiler
  }

  /** Makes ready what is to be loaded: from the cache where it is known. @throws whatever the transpiler throws */
  async open(source: ModuleSource, limits: ActorLimits, signal: AbortSignal | undefined): Promise<StoredModule> {
    const { bytes } = source
    const component = COMPONENT_LAYER.every((byte, i) => bytes[4 + i] === byte)
    const cached = this.#cache && this.#nameOf(source, component, limits)
    const known = cached === undefined ? undefined : this.#cache!.get(cached)
    if (known !== undefined)
      return { form: component ? 'component' : 'prepared', size: known.length, bytes: known, cached }
    if (!component) return { form: 'module', size: bytes.length, bytes, cached }
    const bundle = await this.#transpiler.transpile(bytes, limits, signal)
    if (cached !== undefined) await this.#cache!.put(cached, bundle)
    return { form: 'component', size: bundle.length, bytes: bundle, cached }
  }

  /** Keeps what was loaded, in the form in which the sandbox gave it back where it did; in memory only when the cache does not take it. */
  async keep({ form, size, bytes, cached }: StoredModule, prepared: Uint8Array | undefined): Promise<StoredModule> {
    const cache = this.#cache
    // What came from a sandbox is a view into all that it sent at that time.
    const kept = prepared === undefined ? bytes : Uint8Array.from(prepared)
    const keptForm = prepared === undefined ? form : 'prepared'
    const known = cache !== undefined && cached !== undefined
    const written = known && (prepared === undefined ? cache.has(cached) : await cache.put(cached, kept!))
    if (!written) return { form: keptForm, size: kept?.length ?? size, bytes: kept, cached: undefined }
    cache.hold(cached)
    return { form: keptForm, size: kept?.length ?? size, bytes: undefined, cached }
  }

  /** What a sandbox is to be sent. @returns undefined when the cache lost it */
  bytesOf({ module: { bytes, cached } }: Release): Uint8Array | undefined {
    return bytes ?? (cached === undefined ? undefined : this.#cache?.get(cached))
  }

  /** Nobody will ask for it any more. */
  forget({ module: { bytes, cached } }: Release): void {
    if (bytes === undefined && cached !== undefined) this.#cache?.release(cached)
  }

  /** What a sandbox prepares is known to its publisher alone: one that was taken over lies to its own trust group. */
  #nameOf({ publisher, bytes }: ModuleSource, component: boolean, { memoryPages, tableElements }: ActorLimits): string {
    const made: Record<string, string> = component
      ? { form: 'component', transpiler: this.#transpiler.version }
      : { form: 'prepared', publisher }
    const limits = `${memoryPages} ${tableElements}`
    return cacheName({ ...made, module: hash('sha256', bytes), pass: `${PREPARE_VERSION}`, limits })
  }
}
