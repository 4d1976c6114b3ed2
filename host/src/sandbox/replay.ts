import type { GuestFault } from '../abi/guest-fault.ts'
import { TraceKind, TraceReader } from './trace.ts'

/** A capability call that its guest has made. */
export interface HostCall {
  readonly names: Uint8Array[]
  readonly payload: Uint8Array
  /** Of names and payload, where there is a trace. */
  readonly digest: Uint8Array | undefined
  readonly answer: PromiseWithResolvers<Uint8Array>
}

/** A time that a guest lets pass. */
export interface Sleep {
  readonly nanoseconds: bigint
  readonly end: PromiseWithResolvers<void>
  timer: NodeJS.Timeout | undefined
}

/** All that a guest waits for, and what ends that. */
export interface Waits {
  /** The first is open, the others wait for it: answers come in one order, which a trace can tell. */
  readonly hostCalls: HostCall[]
  readonly sleeps: Set<Sleep>
  readonly fault: GuestFault | undefined
  /** Answers the first capability call. */
  answer(ok: boolean, body: Buffer): void
  wake(sleep: Sleep): void
  /** @returns the fault that decides the call: the first one */
  fail(fault: GuestFault): GuestFault
}

/** Gives a guest from a trace what it asks of the world, in the trace's order (spec/host.md §9). */
export class Replay {
  readonly #trace: TraceReader
  readonly #waits: Waits
  #delivering: NodeJS.Immediate | undefined

  /** @throws GuestFault `replay-mismatch` for a malformed trace */
  constructor(trace: Uint8Array, waits: Waits) {
    this.#trace = new TraceReader(trace)
    this.#waits = waits
  }

  /** What the guest sees next. @throws GuestFault `replay-mismatch` when it saw something else */
  take(kind: TraceKind, length?: number): Buffer {
    try {
      return this.#trace.take(kind, length)
    } catch (error) {
      throw this.#waits.fail(error as GuestFault)
    }
  }

  /**
   * When recording, answers came while the guest did nothing but wait. A turn of the event loop later it does so here too,
   * whatever it has to do besides.
   */
  deliverSoon(): void {
    this.#delivering ??= setImmediate(() => {
      this.#delivering = undefined
      if (this.#waiting) this.#deliver()
      if (this.#waiting) this.deliverSoon()
    })
  }

  /** What the guest did not wait for was answered after its end, if it had been sent. */
  settle(): void {
    const { hostCalls } = this.#waits
    clearImmediate(this.#delivering)
    while (this.#waits.fault === undefined && hostCalls.length > 0 && this.#trace.next !== undefined) this.#deliver()
    hostCalls.length = 0
  }

  /** The call has ended: so must the trace. */
  end(): void {
    if (this.#trace.next !== undefined) this.#waits.fail(this.#trace.mismatch('the end of the call'))
  }

  get #waiting(): boolean {
    return this.#waits.hostCalls.length > 0 || this.#waits.sleeps.size > 0
  }

  #deliver(): void {
    const { hostCalls, sleeps } = this.#waits
    try {
      if (this.#trace.next?.kind === TraceKind.sleep) this.#deliverSleep()
      else this.#deliverAnswer()
    } catch (error) {
      const fault = this.#waits.fail(error as GuestFault)
      for (const { answer } of hostCalls.splice(0)) answer.reject(fault)
      for (const { end } of sleeps) end.reject(fault)
      sleeps.clear()
    }
  }

  #deliverSleep(): void {
    const nanoseconds = this.#trace.next!.body.readBigUInt64LE()
    const sleep = [...this.#waits.sleeps].find((sleep) => sleep.nanoseconds === nanoseconds)
    if (sleep === undefined) throw this.#trace.mismatch('that the actor waits for something else')
    this.#trace.take(TraceKind.sleep)
    this.#waits.wake(sleep)
  }

  #deliverAnswer(): void {
    const { next } = this.#trace
    const [call] = this.#waits.hostCalls
    if (call === undefined) throw this.#trace.mismatch('a sleep')
    if (next?.kind === TraceKind.capability && !next.body.subarray(0, 32).equals(call.digest!))
      throw this.#trace.mismatch('one with other names or another payload')
    const body = this.#trace.take(TraceKind.capability)
    this.#waits.answer(body[32] === 1, body.subarray(33))
  }
}
