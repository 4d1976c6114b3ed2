import { GuestFault } from '../abi/guest-fault.ts'
import { Guest, type GuestHost, type Snapshot } from '../abi/wapc/guest.ts'
import { checkLinkage } from '../abi/wapc/link.ts'
import type { FrameWriter } from '../frames.ts'
import type { ActorLimits } from '../limits.ts'
import { ABIS, FAILURES, type Failure, FrameType, FUEL_BYTES, type SandboxLimits } from '../messages.ts'
import { prepareModule } from '../wasm/prepare-module.ts'

interface Call {
  readonly id: number
  readonly operation: Uint8Array
  readonly payload: Uint8Array
}

const encoder = new TextEncoder()

/** A loaded module and its instances. Calls wait while it loads, and while every instance allowed is at work. */
export class SandboxActor {
  readonly #writer: FrameWriter
  readonly #limits: ActorLimits & SandboxLimits
  readonly #host: GuestHost
  readonly #waiting: Call[] = []
  readonly #idle: Guest[] = []
  readonly #busy = new Set<Guest>()
  #module: WebAssembly.Module | undefined
  #snapshot: Snapshot | undefined
  #suspends = false
  #failed: unknown

  constructor(writer: FrameWriter, limits: ActorLimits & SandboxLimits, host: GuestHost) {
    this.#writer = writer
    this.#limits = limits
    this.#host = host
  }

  /** Compiles and tries out the module, then answers the load with this id (0: nobody waits) and the calls that came meanwhile. */
  async load(id: number, source: Uint8Array): Promise<void> {
    try {
      const { bytes, unresettable } = prepareModule(source, this.#limits.memoryPages)
      const module = await compile(bytes)
      this.#suspends = checkLinkage(module).suspends
      this.#module = module
      const first = new Guest(module, this.#suspends, this.#host, id)
      if (unresettable === undefined) {
        this.#snapshot = first.snapshot()
        this.#recycle(first)
      }
      if (id !== 0)
        this.#writer.send(
          FrameType.ok,
          id,
          Uint8Array.of(0, 0, 0, 0, 0, 0, unresettable === undefined ? 1 : 0, ABIS.indexOf('wapc')),
        )
    } catch (error) {
      this.#failed = error
      if (id !== 0) this.#fail(id, error, 0)
    }
    this.#pump()
  }

  /** Runs a call, at once where possible. `operation` and `payload` are not copied. */
  call(id: number, operation: Uint8Array, payload: Uint8Array): void {
    if (this.#module !== undefined && !this.#suspends && this.#failed === undefined) {
      this.#run(id, operation, payload)
      return
    }
    this.#waiting.push({ id, operation, payload })
    this.#pump()
  }

  #pump(): void {
    while (this.#waiting.length > 0) {
      if (this.#failed !== undefined) {
        this.#fail(this.#waiting.shift()!.id, this.#failed, 0)
        continue
      }
      if (this.#module === undefined) return
      if (this.#suspends && !this.#hasRoom()) return
      const { id, operation, payload } = this.#waiting.shift()!
      if (this.#suspends) void this.#runSuspending(id, operation, payload)
      else this.#run(id, operation, payload)
    }
  }

  /** A second instance is only worth it while the first ones wait for a capability. */
  #hasRoom(): boolean {
    if (this.#idle.length > 0) return true
    if (this.#busy.size >= this.#limits.instances) return false
    for (const guest of this.#busy) if (!guest.suspended) return false
    return true
  }

  #run(id: number, operation: Uint8Array, payload: Uint8Array): void {
    let guest: Guest | undefined
    try {
      guest = this.#take(id)
      this.#answer(guest, guest.call(operation, payload))
      this.#recycle(guest)
    } catch (error) {
      this.#fail(id, error, guest?.memoryBytes ?? 0, guest?.error)
    }
  }

  async #runSuspending(id: number, operation: Uint8Array, payload: Uint8Array): Promise<void> {
    let guest: Guest | undefined
    try {
      guest = this.#take(id)
      this.#busy.add(guest)
      this.#answer(guest, await guest.callSuspending(operation, payload))
      this.#recycle(guest)
    } catch (error) {
      this.#fail(id, error, guest?.memoryBytes ?? 0, guest?.error)
    } finally {
      if (guest !== undefined) this.#busy.delete(guest)
    }
    this.#pump()
  }

  #take(id: number): Guest {
    const guest = this.#idle.pop() ?? new Guest(this.#module!, this.#suspends, this.#host, id)
    guest.callId = id
    return guest
  }

  #recycle(guest: Guest): void {
    if (this.#snapshot !== undefined && guest.reset(this.#snapshot)) this.#idle.push(guest)
  }

  #answer(guest: Guest, succeeded: boolean): void {
    if (!succeeded) {
      this.#sendFailure(guest.callId, 'actor-error', guest.error || 'the actor gave no reason')
      return
    }
    const length = guest.responseLength
    let at = this.#writer.reserve(FrameType.ok, guest.callId, FUEL_BYTES + length)
    const { buffer } = this.#writer
    at = buffer.writeUIntLE(0, at, FUEL_BYTES)
    const { response } = guest
    if (length > 64) buffer.set(response.subarray(0, length), at)
    else for (let i = 0; i < length; i++) buffer[at + i] = response[i]!
  }

  #fail(id: number, error: unknown, memoryBytes: number, guestText = ''): void {
    const { failure, text } = describe(error, memoryBytes, this.#limits.memoryPages * 65_536)
    this.#sendFailure(id, failure, guestText === '' ? text : `${text}: ${guestText}`)
  }

  #sendFailure(id: number, failure: Failure, text: string): void {
    const body = encoder.encode(text).subarray(0, this.#limits.textBytes)
    let at = this.#writer.reserve(FrameType.error, id, FUEL_BYTES + 1 + body.length)
    const { buffer } = this.#writer
    at = buffer.writeUIntLE(0, at, FUEL_BYTES)
    buffer[at] = FAILURES.indexOf(failure)
    buffer.set(body, at + 1)
  }
}

async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (error) {
    throw new GuestFault('bad-module', `Expected a valid module, found: ${(error as Error).message}`)
  }
}

/** An instance that failed at half of its memory or more ran out of it: a guest only ever sees that it got none. */
function describe(error: unknown, memoryBytes: number, limitBytes: number): { failure: Failure; text: string } {
  if (error instanceof GuestFault && error.failure !== 'trap') return { failure: error.failure, text: error.message }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : 'an exception of its own'
  if (memoryBytes * 2 >= limitBytes)
    return { failure: 'out-of-memory', text: `${text}, with ${memoryBytes} of ${limitBytes} bytes of memory in use` }
  if (error instanceof RangeError && /memory/i.test(error.message)) return { failure: 'out-of-memory', text }
  return { failure: 'trap', text }
}
