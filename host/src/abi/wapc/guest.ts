import { GLOBAL_EXPORT } from '../../wasm/prepare-module.ts'
import { GuestFault } from '../guest-fault.ts'

/** What a guest needs of its surroundings. */
export interface GuestHost {
  readonly responseBytes: number
  readonly textBytes: number
  /** A console line of the guest. */
  log(guest: Guest, text: string): void
  /** A capability call; resolves with the response, rejects with an Error whose message the guest gets. */
  hostCall(guest: Guest, names: Uint8Array[], payload: Uint8Array): Promise<Uint8Array>
}

/** What an instance is put back to after each call: memory without its zero tail, and every mutable global. */
export interface Snapshot {
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
 * One instance of an actor behind our own waPC host (spec/host.md §3): at most one call at a time. Every pointer the guest
 * gives is checked against its memory, here or by the typed array; a bad one is a trap.
 */
export class Guest {
  /** Waiting for a capability's answer. */
  suspended = false
  /** Set by its user: the call or load that its log lines and capability calls belong to. */
  callId = 0
  /** Console lines and bytes since the instance was last put back; kept here for its user. */
  loggedLines = 0
  loggedBytes = 0
  /** The first `responseLength` bytes are the response of the call that has just ended. */
  response: Uint8Array = new Uint8Array(FIRST_RESPONSE_BYTES)
  responseLength = 0
  error = ''
  readonly #host: GuestHost
  readonly #memory: WebAssembly.Memory
  readonly #globals: WebAssembly.Global[] = []
  readonly #call: WebAssembly.GuestFunction
  readonly #callSuspending: (operation: number, payload: number) => Promise<number>
  #view: Uint8Array = EMPTY
  #operation: Uint8Array = EMPTY
  #payload: Uint8Array = EMPTY
  #hostResponse: Uint8Array = EMPTY
  #hostError: Uint8Array = EMPTY
  #starting = true

  /** Instantiates and initialises (`start`, `_start`, `wapc_init`). @throws whatever the module's own start throws */
  constructor(module: WebAssembly.Module, suspends: boolean, host: GuestHost, callId: number) {
    this.#host = host
    this.callId = callId
    let memory: WebAssembly.Memory | undefined
    // A view of a memory that grew is detached and has length 0.
    const view = (): Uint8Array => {
      if (this.#view.length > 0) return this.#view
      if (memory === undefined) return this.#trap('used the host before its memory was there')
      this.#view = new Uint8Array(memory.buffer)
      return this.#view
    }
    const bytes = (at: number, length: number): Uint8Array => {
      const start = at >>> 0
      const end = start + (length >>> 0)
      if (end > view().length) this.#trap('passed a range outside its memory')
      return this.#view.subarray(start, end)
    }
    const text = (at: number, length: number) => decoder.decode(bytes(at, Math.min(length >>> 0, host.textBytes)))
    const wapc = {
      __guest_request: (operation: number, payload: number) => {
        view().set(this.#operation, operation >>> 0)
        view().set(this.#payload, payload >>> 0)
      },
      __guest_response: (at: number, length: number) => this.#respond(bytes(at, length)),
      __guest_error: (at: number, length: number) => {
        this.error = text(at, length)
      },
      __host_call: suspends
        ? new WebAssembly.Suspending((...args) =>
            this.#hostCall(
              [0, 2, 4].map((i) => bytes(args[i]!, args[i + 1]!).slice()),
              bytes(args[6]!, args[7]!).slice(),
            ),
          )
        : () => 0,
      __host_response: (at: number) => view().set(this.#hostResponse, at >>> 0),
      __host_response_len: () => this.#hostResponse.length,
      __host_error: (at: number) => view().set(this.#hostError, at >>> 0),
      __host_error_len: () => this.#hostError.length,
      __console_log: (at: number, length: number) => host.log(this, text(at, length)),
    }
    // AssemblyScript strings are UTF-16, their byte length is the u32 before them.
    const abort = (message: number, _file: number, line: number, column: number) => {
      const length = message === 0 ? 0 : new DataView(bytes(message - 4, 4).slice().buffer).getUint32(0, true)
      const said = new TextDecoder('utf-16le').decode(bytes(message, Math.min(length, host.textBytes)))
      this.#trap(`aborted: ${said} (${line >>> 0}:${column >>> 0})`)
    }
    const { exports } = new WebAssembly.Instance(module, { wapc, env: { abort } })
    memory = exports['memory'] as WebAssembly.Memory
    this.#memory = memory
    this.#call = exports['__guest_call'] as WebAssembly.GuestFunction
    this.#callSuspending = suspends ? WebAssembly.promising(this.#call) : () => Promise.resolve(0)
    for (let i = 0; exports[GLOBAL_EXPORT + i] instanceof WebAssembly.Global; i++)
      this.#globals.push(exports[GLOBAL_EXPORT + i] as WebAssembly.Global)
    for (const name of ['_start', 'wapc_init']) {
      const start = exports[name]
      if (typeof start === 'function') start()
    }
    this.#starting = false
  }

  /** Runs a call to its end. @returns whether the guest calls it a success; {@link response} or {@link error} tell more. */
  call(operation: Uint8Array, payload: Uint8Array): boolean {
    this.#begin(operation, payload)
    return this.#call(operation.length, payload.length) !== 0
  }

  /** The same for a guest that may wait for capabilities. */
  async callSuspending(operation: Uint8Array, payload: Uint8Array): Promise<boolean> {
    this.#begin(operation, payload)
    return (await this.#callSuspending(operation.length, payload.length)) !== 0
  }

  snapshot(): Snapshot {
    const whole = new Uint8Array(this.#memory.buffer)
    let end = whole.length
    while (end > 0 && whole[end - 1] === 0) end--
    return {
      memory: whole.slice(0, end),
      memoryBytes: whole.length,
      globals: this.#globals.map((global) => global.value),
    }
  }

  /** Puts the instance back. @returns false when it cannot be, because its memory grew: then it must be dropped. */
  reset(to: Snapshot): boolean {
    if (this.#view.length === 0) this.#view = new Uint8Array(this.#memory.buffer)
    if (this.#view.length !== to.memoryBytes) return false
    this.#view.set(to.memory)
    this.#view.fill(0, to.memory.length)
    for (let i = 0; i < this.#globals.length; i++) this.#globals[i]!.value = to.globals[i]!
    this.#forget()
    return true
  }

  get memoryBytes(): number {
    return this.#memory.buffer.byteLength
  }

  #begin(operation: Uint8Array, payload: Uint8Array): void {
    this.#operation = operation
    this.#payload = payload
    this.#forgetAnswers()
  }

  /** Nothing of one call may be there in the next (a stale answer would leak). */
  #forget(): void {
    this.loggedLines = 0
    this.loggedBytes = 0
    this.#operation = EMPTY
    this.#payload = EMPTY
    this.#forgetAnswers()
  }

  #forgetAnswers(): void {
    this.responseLength = 0
    if (this.response.length > KEEP_RESPONSE_BYTES) this.response = new Uint8Array(FIRST_RESPONSE_BYTES)
    this.error = ''
    this.#hostResponse = EMPTY
    this.#hostError = EMPTY
  }

  #respond(from: Uint8Array): void {
    const limit = this.#host.responseBytes
    if (from.length > limit)
      throw new GuestFault('response-too-large', `Expected a response of at most ${limit} bytes, found ${from.length}`)
    if (from.length > this.response.length)
      this.response = new Uint8Array(Math.min(limit, Math.max(from.length, this.response.length * 2)))
    this.response.set(from)
    this.responseLength = from.length
  }

  async #hostCall(names: Uint8Array[], payload: Uint8Array): Promise<number> {
    if (this.#starting) this.#trap('called a capability while starting')
    this.#hostResponse = EMPTY
    this.#hostError = EMPTY
    try {
      this.suspended = true
      this.#hostResponse = await this.#host.hostCall(this, names, payload)
      return 1
    } catch (error) {
      this.#hostError = encoder.encode((error as Error).message)
      return 0
    } finally {
      this.suspended = false
    }
  }

  #trap(what: string): never {
    throw new GuestFault('trap', `Expected a well-behaved guest, found one that ${what}`)
  }
}
