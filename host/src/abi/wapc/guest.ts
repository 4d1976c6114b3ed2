import { BYTE_FUEL, FUEL_EXPORT, FuelGauge, HOST_CALL_FUEL } from '../../wasm/fuel-gauge.ts'
import { GLOBAL_EXPORT } from '../../wasm/prepare-module.ts'
import { GuestFault } from '../guest-fault.ts'
import type { Guest, Surroundings } from '../program.ts'
import type { createWasiImports, Wasi } from '../wasi/imports.ts'
import { LineLog } from '../wasi/output.ts'

/** What an instance is put back to after each call: memory without its zero tail, and every mutable global. */
interface Snapshot {
  readonly memory: Uint8Array
  readonly memoryBytes: number
  readonly globals: readonly (number | bigint)[]
}

const EMPTY = new Uint8Array(0)
const FIRST_RESPONSE_BYTES = 1 << 10
const KEEP_RESPONSE_BYTES = 64 << 10
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * One instance of an actor behind our own waPC host (spec/host.md §3). Every pointer the guest gives is checked against its
 * memory, here or by the typed array; a bad one is a trap.
 */
export class WapcGuest implements Guest {
  response: Uint8Array = new Uint8Array(FIRST_RESPONSE_BYTES)
  responseLength = 0
  error = ''
  readonly #surroundings: Surroundings
  readonly #memory: WebAssembly.Memory
  readonly #globals: WebAssembly.Global[] = []
  readonly #call: WebAssembly.GuestFunction
  readonly #callSuspending: ((operation: number, payload: number) => Promise<number>) | undefined
  readonly #gauge: FuelGauge
  readonly #snapshot: Snapshot | undefined
  readonly #wasi: Wasi | undefined
  /** What it prints through WASI, which ends in the middle of lines. */
  #console: LineLog | undefined
  #view: Uint8Array = EMPTY
  #operation: Uint8Array = EMPTY
  #payload: Uint8Array = EMPTY
  #hostResponse: Uint8Array = EMPTY
  #hostError: Uint8Array = EMPTY

  /**
   * Instantiates and initialises (`start`, `_start`, `wapc_init`).
   * @param how `suspends`: it may wait for the world; `resettable`: memory and globals are all the state it has;
   *   `createWasi`: what serves its WASI imports, when it has some
   * @throws whatever the module's own start throws
   */
  constructor(
    module: WebAssembly.Module,
    how: { suspends: boolean; resettable: boolean; createWasi: typeof createWasiImports | undefined },
    surroundings: Surroundings,
  ) {
    this.#surroundings = surroundings
    const { textBytes, fuel } = surroundings.limits
    let memory: WebAssembly.Memory | undefined
    let gauge: FuelGauge | undefined
    // A view of a memory that grew is detached and has length 0.
    const view = (): Uint8Array => {
      if (this.#view.length > 0) return this.#view
      if (memory === undefined) throw trap('used the host before its memory was there')
      this.#view = new Uint8Array(memory.buffer)
      return this.#view
    }
    const bytes = (at: number, length: number): Uint8Array => {
      const start = at >>> 0
      const end = start + (length >>> 0)
      if (end > view().length) throw trap('passed a range outside its memory')
      return this.#view.subarray(start, end)
    }
    const charge = (byteCount: number) => gauge?.charge(HOST_CALL_FUEL + byteCount * BYTE_FUEL)
    /** A range that is read, and paid for. */
    const input = (at: number, length: number): Uint8Array => {
      charge(length >>> 0)
      return bytes(at, length)
    }
    const output = (at: number, from: Uint8Array) => {
      charge(from.length)
      view().set(from, at >>> 0)
    }
    const lengthOf = ({ length }: Uint8Array) => {
      charge(0)
      return length
    }
    const text = (at: number, length: number) => decoder.decode(input(at, Math.min(length >>> 0, textBytes)))
    const wapc = {
      __guest_request: (operation: number, payload: number) => {
        charge(this.#operation.length + this.#payload.length)
        view().set(this.#operation, operation >>> 0)
        view().set(this.#payload, payload >>> 0)
      },
      __guest_response: (at: number, length: number) => this.#respond(input(at, length)),
      __guest_error: (at: number, length: number) => {
        this.error = text(at, length)
      },
      __host_call: how.suspends
        ? new WebAssembly.Suspending((...args) => {
            charge((args[1]! >>> 0) + (args[3]! >>> 0) + (args[5]! >>> 0) + (args[7]! >>> 0))
            const [binding, capability, operation] = [0, 2, 4].map((i) => decoder.decode(bytes(args[i]!, args[i + 1]!)))
            return this.#hostCall(binding!, capability!, operation!, bytes(args[6]!, args[7]!))
          })
        : () => 0,
      __host_response: (at: number) => output(at, this.#hostResponse),
      __host_response_len: () => lengthOf(this.#hostResponse),
      __host_error: (at: number) => output(at, this.#hostError),
      __host_error_len: () => lengthOf(this.#hostError),
      __console_log: (at: number, length: number) => surroundings.log(text(at, length)),
    }
    // AssemblyScript strings are UTF-16, their byte length is the u32 before them.
    const abort = (message: number, _file: number, line: number, column: number) => {
      charge(0)
      const length = message === 0 ? 0 : new DataView(bytes(message - 4, 4).slice().buffer).getUint32(0, true)
      const said = new TextDecoder('utf-16le').decode(bytes(message, Math.min(length, textBytes)))
      throw trap(`aborted: ${said} (${line >>> 0}:${column >>> 0})`)
    }
    const print = (from: Uint8Array) => this.#console?.append(from)
    this.#wasi = how.createWasi?.({
      ...{ surroundings, suspends: how.suspends, memory: () => memory, args: [encoder.encode(surroundings.name)] },
      ...{ stdin: EMPTY, stdout: print, stderr: print, gauge: { charge: (units) => gauge?.charge(units) } },
    })
    this.#resetWasi()
    const { exports } = new WebAssembly.Instance(module, { wapc, env: { abort }, ...this.#wasi?.imports })
    memory = exports['memory'] as WebAssembly.Memory
    this.#memory = memory
    this.#call = exports['__guest_call'] as WebAssembly.GuestFunction
    this.#callSuspending = how.suspends ? WebAssembly.promising(this.#call) : undefined
    const counter = exports[FUEL_EXPORT]
    if (!(counter instanceof WebAssembly.Global))
      throw new GuestFault('bad-module', `Expected a metered module, found none that exports ${FUEL_EXPORT}`)
    gauge = new FuelGauge([counter], fuel)
    this.#gauge = gauge
    for (let i = 0; exports[GLOBAL_EXPORT + i] instanceof WebAssembly.Global; i++)
      this.#globals.push(exports[GLOBAL_EXPORT + i] as WebAssembly.Global)
    for (const name of ['_start', 'wapc_init']) {
      const start = exports[name]
      if (typeof start === 'function') this.#initialise(start)
    }
    this.#snapshot = how.resettable ? this.#takeSnapshot() : undefined
  }

  get fuel(): number {
    return this.#gauge.used
  }

  get exhausted(): boolean {
    return this.#gauge.exhausted
  }

  get memoryBytes(): number {
    return this.#memory.buffer.byteLength
  }

  call(operation: Uint8Array, payload: Uint8Array): boolean | Promise<boolean> {
    this.#operation = operation
    this.#payload = payload
    this.#forgetAnswers()
    this.#gauge.refill()
    if (this.#callSuspending === undefined) return this.#end(this.#call(operation.length, payload.length))
    return this.#callSuspending(operation.length, payload.length).then((result) => this.#end(result))
  }

  reset(): boolean {
    const to = this.#snapshot
    if (to === undefined) return false
    if (this.#view.length === 0) this.#view = new Uint8Array(this.#memory.buffer)
    if (this.#view.length !== to.memoryBytes) return false
    this.#view.set(to.memory)
    this.#view.fill(0, to.memory.length)
    for (let i = 0; i < this.#globals.length; i++) this.#globals[i]!.value = to.globals[i]!
    this.#operation = EMPTY
    this.#payload = EMPTY
    this.#forgetAnswers()
    this.#resetWasi()
    return true
  }

  /** Programs of some languages end their `_start` by `proc_exit(0)`, actors or not. */
  #initialise(start: WebAssembly.GuestFunction): void {
    try {
      start()
    } catch (error) {
      if (this.exhausted)
        throw new GuestFault(
          'fuel-exhausted',
          `Expected a start within ${this.#surroundings.limits.fuel} units of fuel`,
        )
      if (error !== this.#wasi?.ended || (error as { code?: number }).code !== 0) throw error
    }
    this.#console?.end()
    this.#resetWasi()
  }

  #resetWasi(): void {
    if (this.#wasi === undefined) return
    this.#wasi.reset()
    this.#console = new LineLog(this.#surroundings.limits.textBytes, (line) => this.#surroundings.log(line))
  }

  /** A guest can catch what ended it, and has no result all the same. */
  #end(result: number): boolean {
    if (this.#wasi !== undefined) {
      if (this.#wasi.ended !== undefined) throw this.#wasi.ended
      this.#console?.end()
    }
    return result !== 0
  }

  #takeSnapshot(): Snapshot {
    const whole = new Uint8Array(this.#memory.buffer)
    let end = whole.length
    while (end > 0 && whole[end - 1] === 0) end--
    return {
      memory: whole.slice(0, end),
      memoryBytes: whole.length,
      globals: this.#globals.map((global) => global.value),
    }
  }

  /** Nothing of one call may be there in the next (a stale answer would leak). */
  #forgetAnswers(): void {
    this.responseLength = 0
    if (this.response.length > KEEP_RESPONSE_BYTES) this.response = new Uint8Array(FIRST_RESPONSE_BYTES)
    this.error = ''
    this.#hostResponse = EMPTY
    this.#hostError = EMPTY
  }

  #respond(from: Uint8Array): void {
    const limit = this.#surroundings.limits.responseBytes
    if (from.length > limit)
      throw new GuestFault('response-too-large', `Expected a response of at most ${limit} bytes, found ${from.length}`)
    if (from.length > this.response.length)
      this.response = new Uint8Array(Math.min(limit, Math.max(from.length, this.response.length * 2)))
    this.response.set(from)
    this.responseLength = from.length
  }

  async #hostCall(binding: string, capability: string, operation: string, payload: Uint8Array): Promise<number> {
    this.#hostResponse = EMPTY
    this.#hostError = EMPTY
    try {
      this.#hostResponse = await this.#surroundings.invoke(binding, capability, operation, payload)
      return 1
    } catch (error) {
      if (error instanceof GuestFault) throw error
      this.#hostError = encoder.encode((error as Error).message)
      return 0
    }
  }
}

function trap(what: string): GuestFault {
  return new GuestFault('trap', `Expected a well-behaved guest, found one that ${what}`)
}
