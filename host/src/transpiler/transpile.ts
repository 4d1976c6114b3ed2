import type { Confinement } from '../confinement/confined-program.ts'
import { HostError } from '../host-error.ts'
import type { ActorLimits, HostLimits } from '../limits.ts'
import type { Transpiler } from '../module-store.ts'
import { openTranspilerCode, type TranspilerCode } from './transpiler-code.ts'
import { TranspilerProcess } from './transpiler-process.ts'

/**
 * To be raised when a component comes out of a transpiler in another way, apart from `PREPARE_VERSION`: another jco, another manifest,
 * other functions that wait. What was kept is made anew then.
 */
const TRANSPILE_VERSION = 'jco 0.15.0, 1'

/** How transpilers are started. */
export interface TranspilerOptions {
  readonly confinement: Confinement
  /** `transpiler.mjs` of an image, or `host/src/transpiler/main.ts`. */
  readonly entry: string
  readonly limits: HostLimits
}

/**
 * Makes component bundles (spec/host.md §3.7), each in a confined process of its own that ends with it. Nothing in this process looks
 * into the component or the bundle: a sandbox does, when it loads it with form `component`.
 * @throws Error when the entry is not there
 */
export async function createTranspiler(options: TranspilerOptions): Promise<ConfinedTranspiler> {
  return new ConfinedTranspiler(options, await openTranspilerCode(options.entry))
}

/** While components keep coming, one process waits for the next, warm. */
export class ConfinedTranspiler implements Transpiler, AsyncDisposable {
  readonly version = TRANSPILE_VERSION
  readonly #options: TranspilerOptions
  readonly #code: TranspilerCode
  #spare: TranspilerProcess | undefined
  #spareEnds: NodeJS.Timeout | undefined
  #disposed = false

  constructor(options: TranspilerOptions, code: TranspilerCode) {
    this.#options = options
    this.#code = code
  }

  /**
   * @param limits `memoryPages` and `tableElements` are those that the component's core modules are held to from here on
   * @throws HostError `host/bad-module` and `host/forbidden-import` with the transpiler's reason, `host/deadline` after
   * `transpileMs`, `host/sandbox-lost` when it ends without an answer
   * @throws the signal's reason when it is aborted
   */
  async transpile(
    component: Uint8Array,
    limits: Pick<ActorLimits, 'memoryPages' | 'tableElements'>,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    signal?.throwIfAborted()
    const { moduleBytes } = this.#options.limits
    if (component.length > moduleBytes)
      throw new HostError(
        'host/bad-module',
        `Expected a component of at most ${moduleBytes} bytes, found ${component.length}`,
      )
    const transpiler = this.#takeSpare() ?? this.#start()
    const settings = { maxPages: limits.memoryPages, maxTableElements: limits.tableElements }
    const bundle = await transpiler.transpile(component, settings, signal)
    this.#keepSpare()
    return bundle
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    this.#takeSpare()?.kill()
    await this.#code[Symbol.asyncDispose]()
  }

  #start(): TranspilerProcess {
    const { confinement, limits } = this.#options
    return new TranspilerProcess(confinement, this.#code, limits)
  }

  #takeSpare(): TranspilerProcess | undefined {
    clearTimeout(this.#spareEnds)
    const spare = this.#spare
    this.#spare = undefined
    return spare?.gone ? undefined : spare
  }

  #keepSpare(): void {
    if (this.#disposed) return
    try {
      this.#spare ??= this.#start()
      this.#spare.warmUp()
    } catch {
      // Whoever needs the next one is told.
    }
    clearTimeout(this.#spareEnds)
    this.#spareEnds = setTimeout(() => this.#takeSpare()?.kill(), this.#options.limits.idleMs)
    this.#spareEnds.unref()
  }
}
