import { FUEL_EXPORT, FuelGauge } from '../../wasm/fuel-gauge.ts'
import { START_FUEL } from '../../wasm/prepare-module.ts'
import { Exit } from '../exit.ts'
import { checkLinkage, suspends } from '../linkage.ts'
import type { CoreModule, Guest, Program, Surroundings } from '../program.ts'
import { createWasiImports, isWasiImport, type Wasi } from './imports.ts'
import { LineLog, ResponseBuffer } from './output.ts'

const encoder = new TextEncoder()

/**
 * A WASI command (spec/host.md §3.6): a fresh instance for each call.
 * @throws GuestFault `forbidden-import` naming the first import that is no WASI function; `bad-module` without `_start` and `memory`
 */
export function loadWasi({ module }: CoreModule): Program {
  checkLinkage(module, '_start', 'WASI preview 1', isWasiImport)
  const waits = suspends(module)
  return {
    abi: 'wasi',
    reset: 'fresh',
    instantiate: (surroundings: Surroundings) => new WasiGuest(module, waits, surroundings),
  }
}

/** Runs one call, for which alone the module is instantiated: what a program does is all in `_start`. */
class WasiGuest implements Guest {
  error = ''
  readonly #module: WebAssembly.Module
  readonly #suspends: boolean
  readonly #surroundings: Surroundings
  readonly #output: ResponseBuffer
  readonly #console: LineLog
  #gauge: FuelGauge
  #memory: WebAssembly.Memory | undefined

  constructor(module: WebAssembly.Module, suspends: boolean, surroundings: Surroundings) {
    const { responseBytes, textBytes, fuel } = surroundings.limits
    this.#module = module
    this.#suspends = suspends
    this.#surroundings = surroundings
    this.#output = new ResponseBuffer(responseBytes)
    this.#console = new LineLog(textBytes, (line) => surroundings.log(line))
    this.#gauge = new FuelGauge([], fuel)
  }

  get response(): Uint8Array {
    return this.#output.bytes
  }

  get responseLength(): number {
    return this.#output.length
  }

  get fuel(): number {
    return this.#gauge.used
  }

  get exhausted(): boolean {
    return this.#gauge.exhausted
  }

  get memoryBytes(): number {
    return this.#memory?.buffer.byteLength ?? 0
  }

  call(operation: Uint8Array, payload: Uint8Array): boolean | Promise<boolean> {
    const wasi = createWasiImports({
      surroundings: this.#surroundings,
      memory: () => this.#memory,
      args: [encoder.encode(this.#surroundings.name), ...(operation.length > 0 ? [operation] : [])],
      stdin: payload,
      stdout: (bytes) => this.#output.append(bytes),
      stderr: (bytes) => this.#console.append(bytes),
      gauge: { charge: (units) => this.#gauge.charge(units) },
      suspends: this.#suspends,
    })
    let start: WebAssembly.GuestFunction
    try {
      start = this.#instantiate(wasi)
      if (!this.#suspends) start()
    } catch (error) {
      return this.#end(wasi, error)
    }
    if (!this.#suspends) return this.#end(wasi)
    return WebAssembly.promising(start)().then(
      () => this.#end(wasi),
      (error: unknown) => this.#end(wasi, error),
    )
  }

  #instantiate(wasi: Wasi): WebAssembly.GuestFunction {
    const { exports } = new WebAssembly.Instance(this.#module, wasi.imports)
    this.#memory = exports['memory'] as WebAssembly.Memory
    const counter = exports[FUEL_EXPORT] as WebAssembly.Global
    // A start function has run by now, on fuel of its own: it is a part of the call.
    const spent = this.#gauge.used + START_FUEL - Number(counter.value)
    this.#gauge = new FuelGauge([counter], this.#surroundings.limits.fuel)
    this.#gauge.charge(spent)
    return exports['_start'] as WebAssembly.GuestFunction
  }

  /** Tells success from failure. What ended the program counts, not what it made of that. */
  #end(wasi: Wasi, thrown?: unknown): boolean {
    this.error = this.#console.tail
    const ended = wasi.ended ?? thrown
    if (ended !== undefined && !(ended instanceof Exit)) throw ended
    this.#console.end()
    const code = ended?.code ?? 0
    if (code !== 0) this.error = `exit code ${code}${this.error === '' ? '' : `: ${this.error}`}`
    return code === 0
  }
}
