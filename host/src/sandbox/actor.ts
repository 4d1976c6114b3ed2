import type { Guest, Program, Surroundings } from '../abi/program.ts'
import { ABIS, type ActorSettings, FAILURES, type Failure, type Form, FrameType, FUEL_BYTES } from '../messages.ts'
import { describeFailure } from './describe-failure.ts'
import { loadProgram } from './load-program.ts'
import { CallSurroundings, type HostPipe } from './surroundings.ts'

/** A call as the host sent it; operation and payload are views that are not copied. */
export interface SandboxCall {
  readonly id: number
  readonly operation: Uint8Array
  readonly payload: Uint8Array
  /** Whether a trace is to be recorded. */
  readonly trace: boolean
  /** The trace to answer from instead of the world. */
  readonly replay: Uint8Array | undefined
}

interface Instance {
  readonly guest: Guest
  readonly surroundings: CallSurroundings
}

const encoder = new TextEncoder()

/** A loaded program and its instances. Calls wait while it loads, and while every instance allowed is at work. */
export class SandboxActor {
  readonly #pipe: HostPipe
  readonly #settings: ActorSettings & Pick<Surroundings, 'limits'>
  readonly #waiting: SandboxCall[] = []
  readonly #idle: Instance[] = []
  /** Those that wait, or whose start does. */
  readonly #busy = new Set<CallSurroundings>()
  #program: Program | undefined
  #failed: unknown
  #pumping = false

  constructor(pipe: HostPipe, settings: ActorSettings & Pick<Surroundings, 'limits'>) {
    this.#pipe = pipe
    this.#settings = settings
  }

  /** Compiles and tries out the module, then answers the load with this id (0: nobody waits) and the calls that came meanwhile. */
  async load(id: number, form: Form, source: Uint8Array): Promise<void> {
    const surroundings = this.#surround(id, undefined)
    try {
      const { program, prepared } = await loadProgram(form, source, this.#settings)
      const guest = await program.instantiate(surroundings)
      const fault = surroundings.end()
      if (fault !== undefined) throw fault
      this.#idle.push({ guest, surroundings })
      this.#program = program
      if (id !== 0) {
        if (prepared !== undefined) this.#pipe.writer.send(FrameType.prepared, id, prepared)
        const loaded = Uint8Array.of(0, 0, 0, 0, 0, 0, program.reset === 'snapshot' ? 1 : 0, ABIS.indexOf(program.abi))
        this.#pipe.writer.send(FrameType.ok, id, loaded)
      }
    } catch (error) {
      this.#failed = error ?? new Error('The actor failed at its start')
      if (id !== 0) this.#fail(id, surroundings.end() ?? error, undefined)
    }
    this.#pump()
  }

  /** Runs a call, at once where possible. */
  call(call: SandboxCall): void {
    if (this.#waiting.length === 0 && this.#hasRoom()) this.#begin(call)
    else {
      this.#waiting.push(call)
      this.#pump()
    }
  }

  #pump(): void {
    while (this.#waiting.length > 0) {
      if (this.#failed !== undefined) this.#fail(this.#waiting.shift()!.id, this.#failed, undefined)
      else if (this.#hasRoom()) this.#begin(this.#waiting.shift()!)
      else return
    }
  }

  /** A second instance is only worth it while the first ones wait for the world. */
  #hasRoom(): boolean {
    if (this.#program === undefined) return false
    if (this.#busy.size === 0) return true
    if (this.#busy.size >= this.#settings.limits.instances) return false
    for (const surroundings of this.#busy) if (!surroundings.waiting) return false
    return true
  }

  /** Told from inside of a guest, which may not be disturbed before it really waits. */
  readonly #onWait = () => {
    if (this.#waiting.length === 0 || this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #surround(loadId: number, replay: Uint8Array | undefined): CallSurroundings {
    return new CallSurroundings(this.#pipe, this.#settings, { loadId, onWait: this.#onWait, replay })
  }

  #begin(call: SandboxCall): void {
    // What the start of an instance saw is part of a trace: a replay needs a start of its own.
    const instance = call.replay === undefined ? this.#idle.pop() : undefined
    if (instance !== undefined) this.#run(instance, call)
    else this.#instantiate(call)
  }

  #instantiate(call: SandboxCall): void {
    let surroundings: CallSurroundings | undefined
    try {
      surroundings = this.#surround(0, call.replay)
      const guest = this.#program!.instantiate(surroundings)
      if (guest instanceof Promise) void this.#instantiateLater(call, surroundings, guest)
      else this.#run({ guest, surroundings }, call)
    } catch (error) {
      this.#fail(call.id, surroundings?.end() ?? error, undefined)
    }
  }

  async #instantiateLater(call: SandboxCall, surroundings: CallSurroundings, promise: Promise<Guest>): Promise<void> {
    this.#busy.add(surroundings)
    try {
      const guest = await promise
      this.#busy.delete(surroundings)
      this.#run({ guest, surroundings }, call)
    } catch (error) {
      this.#busy.delete(surroundings)
      this.#fail(call.id, surroundings.end() ?? error, undefined)
    }
    this.#pump()
  }

  #run(instance: Instance, { id, operation, payload, trace }: SandboxCall): void {
    const { guest, surroundings } = instance
    try {
      surroundings.begin(id, trace)
      const result = guest.call(operation, payload)
      if (typeof result === 'boolean' && !surroundings.waiting) this.#finish(id, instance, result)
      else void this.#finishLater(id, instance, result)
    } catch (error) {
      if (surroundings.waiting) void this.#finishLater(id, instance, Promise.reject(error))
      else this.#fail(id, error, instance)
    }
  }

  async #finishLater(id: number, instance: Instance, result: boolean | Promise<boolean>): Promise<void> {
    const { surroundings } = instance
    this.#busy.add(surroundings)
    try {
      const succeeded = await result
      await surroundings.settle()
      this.#finish(id, instance, succeeded)
    } catch (error) {
      await surroundings.settle()
      this.#fail(id, error, instance)
    }
    this.#busy.delete(surroundings)
    this.#pump()
  }

  /** @throws GuestFault when the call is no success after all */
  #finish(id: number, instance: Instance, succeeded: boolean): void {
    const { guest, surroundings } = instance
    const fault = surroundings.end()
    const { fuel } = guest
    // Each look at the gauge costs as much as a small frame: what used less than all is not exhausted.
    if (fault !== undefined || (fuel >= this.#settings.limits.fuel && guest.exhausted)) {
      this.#fail(id, fault, instance)
      return
    }
    this.#sendTrace(id, surroundings)
    if (succeeded) this.#sendResponse(id, guest, fuel)
    else this.#sendFailure(id, 'actor-error', guest.error || 'the actor gave no reason', fuel)
    if (!surroundings.replaying && guest.reset?.()) this.#idle.push(instance)
  }

  #fail(id: number, error: unknown, instance: Instance | undefined): void {
    const fault = instance?.surroundings.end() ?? error
    const { failure, text } = describeFailure(fault, instance?.guest, this.#settings.limits)
    if (instance !== undefined) this.#sendTrace(id, instance.surroundings)
    this.#sendFailure(id, failure, text, instance?.guest.fuel ?? 0)
  }

  #sendTrace(id: number, { trace }: CallSurroundings): void {
    if (trace !== undefined) this.#pipe.writer.send(FrameType.trace, id, trace)
  }

  #sendResponse(id: number, { response, responseLength: length }: Guest, fuel: number): void {
    const { writer } = this.#pipe
    let at = writer.reserve(FrameType.ok, id, FUEL_BYTES + length)
    const { buffer } = writer
    at = buffer.writeUIntLE(fuel, at, FUEL_BYTES)
    if (length > 64) buffer.set(response.subarray(0, length), at)
    else for (let i = 0; i < length; i++) buffer[at + i] = response[i]!
  }

  #sendFailure(id: number, failure: Failure, text: string, fuel: number): void {
    const body = encoder.encode(text).subarray(0, this.#settings.limits.textBytes)
    const { writer } = this.#pipe
    let at = writer.reserve(FrameType.error, id, FUEL_BYTES + 1 + body.length)
    const { buffer } = writer
    at = buffer.writeUIntLE(fuel, at, FUEL_BYTES)
    buffer[at] = FAILURES.indexOf(failure)
    buffer.set(body, at + 1)
  }
}
