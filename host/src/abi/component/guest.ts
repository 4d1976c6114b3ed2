import { FUEL_EXPORT, FuelGauge } from '../../wasm/fuel-gauge.ts'
import { START_FUEL } from '../../wasm/prepare-module.ts'
import { GuestFault } from '../guest-fault.ts'
import type { Guest, Surroundings } from '../program.ts'
import { LineLog } from '../wasi/output.ts'
import { ActorRefusal, type EntryInterface } from './entry-call.ts'
import type { CoreImports, Exports, Instantiate } from './evaluate.ts'
import type { HostInterface } from './host-interface.ts'
import { World } from './world.ts'

/** What all instances of a component share. */
export interface ComponentParts {
  readonly instantiate: Instantiate
  /** Compiled core modules by the names that the script asks for. */
  readonly modules: ReadonlyMap<string, WebAssembly.Module>
  /** What it imports, by name without version. */
  readonly interfaces: ReadonlyMap<string, HostInterface>
  readonly entries: readonly EntryInterface[]
}

const decoder = new TextDecoder()
const EMPTY = new Uint8Array(0)

/** One instance of a component, made for one call. */
export class ComponentGuest implements Guest {
  response: Uint8Array = EMPTY
  error = ''
  readonly #parts: ComponentParts
  readonly #console: LineLog
  readonly #world: World
  readonly #gauge: FuelGauge
  readonly #fuelLimit: number
  /** The gauge looks into it: whatever is counted down joins as it is made. */
  readonly #counters: WebAssembly.Global[] = []
  readonly #memories = new Set<WebAssembly.Memory>()
  readonly #exports: Exports

  /** Instantiates all core modules and runs what they run at their start. @throws GuestFault, or whatever that throws */
  constructor(parts: ComponentParts, surroundings: Surroundings) {
    this.#parts = parts
    this.#fuelLimit = surroundings.limits.fuel
    this.#gauge = new FuelGauge(this.#counters, this.#fuelLimit)
    this.#console = new LineLog(surroundings.limits.textBytes, (line) => surroundings.log(line))
    this.#world = new World(surroundings, this.#gauge, (bytes) => this.#console.append(bytes))
    this.#exports = this.#start()
  }

  get responseLength(): number {
    return this.response.length
  }

  get fuel(): number {
    return this.#gauge.used
  }

  get exhausted(): boolean {
    return this.#gauge.exhausted
  }

  get memoryBytes(): number {
    let bytes = 0
    for (const memory of this.#memories) bytes += memory.buffer.byteLength
    return bytes
  }

  async call(operation: Uint8Array, payload: Uint8Array): Promise<boolean> {
    this.#gauge.refill()
    const name = decoder.decode(operation)
    const entry = this.#parts.entries.find(({ accepts }) => accepts(name))
    if (entry === undefined) {
      this.error = `Expected an operation that the component answers, found ${JSON.stringify(name)}`
      return false
    }
    try {
      this.response = await entry.call({ exports: this.#exports, world: this.#world, operation: name, payload })
    } catch (error) {
      if (!(error instanceof ActorRefusal)) throw error
      const said = this.#console.tail
      this.error = said === '' ? error.message : `${error.message}: ${said}`
      return false
    } finally {
      this.#console.end()
    }
    const { responseBytes } = this.#world.surroundings.limits
    if (this.response.length > responseBytes)
      throw new GuestFault(
        'response-too-large',
        `Expected a response of at most ${responseBytes} bytes, found ${this.response.length}`,
      )
    return true
  }

  #start(): Exports {
    const { instantiate, modules, interfaces } = this.#parts
    const imports = Object.fromEntries([...interfaces].map(([name, { create }]) => [name, create(this.#world)]))
    const take = (name: string) => {
      const module = modules.get(name)
      if (module === undefined)
        throw new GuestFault('bad-module', `Expected a component bundle with a part ${name}, found none`)
      return module
    }
    try {
      return instantiate(take, imports, (module, wanted) => this.#instantiateCore(module, wanted))
    } finally {
      // Whatever it ended with: with too little fuel that is what counts.
      if (this.#gauge.exhausted) this.#gauge.charge(0)
    }
  }

  #instantiateCore(module: WebAssembly.Module, imports: CoreImports = {}): WebAssembly.Instance {
    const instance = new WebAssembly.Instance(module, imports)
    const counter = instance.exports[FUEL_EXPORT]
    if (counter instanceof WebAssembly.Global) {
      const used = START_FUEL - Number(counter.value)
      counter.value = BigInt(this.#fuelLimit - used)
      this.#counters.push(counter)
    }
    for (const exported of Object.values(instance.exports))
      if (exported instanceof WebAssembly.Memory) this.#memories.add(exported)
    return instance
  }
}
