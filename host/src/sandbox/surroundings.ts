import { GuestFault } from '../abi/guest-fault.ts'
import type { Surroundings } from '../abi/program.ts'
import { type FrameWriter, sendNamed } from '../frames.ts'
import { type ActorSettings, FrameType } from '../messages.ts'
import { type HostCall, Replay, type Sleep } from './replay.ts'
import { TraceKind, TraceWriter } from './trace.ts'

/** The pipe to the host, as all instances share it. */
export interface HostPipe {
  readonly writer: FrameWriter
  /** Whose capability call is open, by the id of the call. */
  readonly open: Map<number, CallSurroundings>
}

const MAX_TIMER_MS = 0x7fff_ffff
const MAX_SLEEPS = 1_024
const encoder = new TextEncoder()
const processStart = process.hrtime.bigint()
/** Loaded at its first use: it costs a starting sandbox 9 ms, and few actors need it. */
const crypto = () => process.getBuiltinModule('node:crypto')

// Both clocks are as fine as Node's: the sandbox belongs to one publisher, and whom a coarser clock would keep from timing its
// neighbours is their own code. Other publishers are in other processes.
const wallClock = () => BigInt(Date.now()) * 1_000_000n
const monotonicClock = () => process.hrtime.bigint() - processStart

/**
 * The world of one instance, one call after the other (spec/host.md §9). Each call is held to the actor's limits, recorded
 * on demand, or answered from a trace. A fault stays: a guest that swallows it fails at the end of its call all the same.
 */
export class CallSurroundings implements Surroundings {
  readonly limits: Surroundings['limits']
  readonly grants: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly name: string
  readonly #pipe: HostPipe
  readonly #onWait: () => void
  readonly #start: TraceWriter
  readonly #replay: Replay | undefined
  #recorder: TraceWriter | undefined
  #callId: number
  #starting = true
  #fault: GuestFault | undefined
  #loggedLines = 0
  #loggedBytes = 0
  readonly #hostCalls: HostCall[] = []
  readonly #sleeps = new Set<Sleep>()
  #idle: PromiseWithResolvers<void> | undefined

  /**
   * @param loadId the load that its start belongs to, 0 for none
   * @param onWait told when the guest begins to wait
   * @param replay what to answer with instead of the world, start included
   * @throws GuestFault `replay-mismatch` for a malformed trace
   */
  constructor(
    pipe: HostPipe,
    { name, grants, environment, limits }: ActorSettings & Pick<Surroundings, 'limits'>,
    { loadId, onWait, replay }: { loadId: number; onWait: () => void; replay: Uint8Array | undefined },
  ) {
    this.limits = limits
    this.name = name
    this.grants = grants
    this.environment = environment
    this.#pipe = pipe
    this.#onWait = onWait
    this.#callId = loadId
    this.#start = new TraceWriter(limits.traceBytes)
    this.#recorder = this.#start
    this.#replay = replay === undefined ? undefined : this.#replayOf(replay)
  }

  /** Whether the guest waits for the world. */
  get waiting(): boolean {
    return this.#hostCalls.length > 0 || this.#sleeps.size > 0
  }

  /** Whether it answers from a trace: then its instance is of no use for another call. */
  get replaying(): boolean {
    return this.#replay !== undefined
  }

  /** The start is over and a call begins. @throws GuestFault left from the start; `replay-mismatch` when it saw other things */
  begin(callId: number, trace: boolean): void {
    this.#callId = callId
    this.#starting = false
    this.#loggedLines = 0
    this.#loggedBytes = 0
    this.#recorder = trace ? TraceWriter.ofCall(this.#start) : undefined
    this.#checkTrace()
    this.#replay?.take(TraceKind.begin)
    this.#check()
  }

  /** Waits until nothing is open that the host still has to answer. What the guest did not wait for is given up. */
  async settle(): Promise<void> {
    for (const sleep of this.#sleeps) clearTimeout(sleep.timer)
    this.#sleeps.clear()
    this.#replay?.settle()
    this.#hostCalls.splice(1)
    if (this.#hostCalls.length === 0) return
    this.#idle = Promise.withResolvers()
    await this.#idle.promise
  }

  /** Ends the call. @returns the fault that decides it, if there was one */
  end(): GuestFault | undefined {
    this.#callId = 0
    this.#replay?.end()
    return this.#fault
  }

  /** The trace of the call that has ended, when it asked for one and there is a whole one. */
  get trace(): Uint8Array | undefined {
    return this.#starting || this.#recorder?.overflown ? undefined : this.#recorder?.bytes()
  }

  log(text: string): void {
    const line = encoder.encode(text).subarray(0, this.limits.textBytes)
    const { logLines, logBytes } = this.limits
    this.#loggedLines++
    this.#loggedBytes += line.length
    if (this.#loggedLines > logLines || this.#loggedBytes > logBytes)
      throw this.#fail(
        new GuestFault(
          'log-limit',
          `Expected at most ${logLines} console lines of ${logBytes} bytes in all, found more; log less, or ask for a higher limit`,
        ),
      )
    if (this.#callId !== 0) this.#pipe.writer.send(FrameType.log, this.#callId, line)
  }

  invoke(binding: string, capability: string, operation: string, payload: Uint8Array): Promise<Uint8Array> {
    if (this.#starting)
      this.#fail(new GuestFault('trap', 'Expected no capability call while the actor starts, found one'))
    if (this.#fault !== undefined) return refused(this.#fault)
    const names = [binding, capability, operation].map((name) => encoder.encode(name))
    const { nameBytes, payloadBytes, openHostCalls } = this.limits
    if (names.some((name) => name.length > nameBytes) || payload.length > payloadBytes)
      return refused(
        new Error(
          `host/payload-too-large: Expected names of at most ${nameBytes} and a payload of at most ${payloadBytes} bytes`,
        ),
      )
    if (this.#hostCalls.length >= openHostCalls)
      return refused(
        new Error(`host/overloaded: Expected at most ${openHostCalls} capability calls open at a time, found more`),
      )
    const traced = this.#recorder !== undefined || this.#replay !== undefined
    const sent = this.#hostCalls.length === 0
    const call: HostCall = {
      names,
      payload: sent ? payload : new Uint8Array(payload),
      digest: traced ? digestOf(names, payload) : undefined,
      answer: promised(),
    }
    this.#hostCalls.push(call)
    if (this.#replay !== undefined) this.#replay.deliverSoon()
    else if (sent) this.#send(call)
    this.#onWait()
    return call.answer.promise
  }

  /** The host has answered the open capability call. */
  answer(ok: boolean, body: Buffer): void {
    this.#pipe.open.delete(this.#callId)
    if (this.#hostCalls.length === 0) return
    this.#answerFirst(ok, body)
    if (this.#hostCalls.length > 0) this.#send(this.#hostCalls[0]!)
    else this.#idle?.resolve()
  }

  wallClock(): bigint {
    return this.#clock(TraceKind.wallClock, wallClock)
  }

  monotonicClock(): bigint {
    return this.#clock(TraceKind.monotonicClock, monotonicClock)
  }

  random(into: Uint8Array): void {
    this.#check()
    if (this.#replay === undefined) crypto().randomFillSync(into)
    else into.set(this.#replay.take(TraceKind.random, into.length))
    if (this.#recorder !== undefined) this.#record(TraceKind.random, into)
  }

  sleep(nanoseconds: bigint): Promise<void> {
    if (this.#sleeps.size >= MAX_SLEEPS)
      this.#fail(new GuestFault('trap', `Expected at most ${MAX_SLEEPS} sleeps at a time, found more`))
    if (this.#fault !== undefined) return refused(this.#fault)
    const sleep: Sleep = { nanoseconds: BigInt.asUintN(64, nanoseconds), end: promised(), timer: undefined }
    this.#sleeps.add(sleep)
    if (this.#replay !== undefined) this.#replay.deliverSoon()
    else this.#watch(sleep, monotonicClock() + nanoseconds)
    this.#onWait()
    return sleep.end.promise
  }

  /** Timers may fire up to a millisecond early. */
  #watch(sleep: Sleep, until: bigint): void {
    const leftMs = Number((until - monotonicClock() + 999_999n) / 1_000_000n)
    if (leftMs <= 0 && sleep.timer !== undefined) this.#wake(sleep)
    else sleep.timer = setTimeout(() => this.#watch(sleep, until), Math.min(Math.max(leftMs, 0), MAX_TIMER_MS))
  }

  #wake(sleep: Sleep): void {
    this.#sleeps.delete(sleep)
    if (this.#recorder !== undefined) this.#record(TraceKind.sleep, u64(sleep.nanoseconds))
    sleep.end.resolve()
  }

  #send({ names, payload }: HostCall): void {
    this.#pipe.open.set(this.#callId, this)
    sendNamed(this.#pipe.writer, FrameType.hostCall, this.#callId, names, payload)
  }

  #answerFirst(ok: boolean, body: Buffer): void {
    const { answer, digest } = this.#hostCalls.shift()!
    if (this.#recorder !== undefined) this.#record(TraceKind.capability, digest!, Uint8Array.of(ok ? 1 : 0), body)
    if (this.#fault !== undefined) answer.reject(this.#fault)
    else if (ok) answer.resolve(body)
    else answer.reject(new Error(body.toString()))
  }

  #replayOf(trace: Uint8Array): Replay {
    const fault = () => this.#fault
    return new Replay(trace, {
      hostCalls: this.#hostCalls,
      sleeps: this.#sleeps,
      get fault() {
        return fault()
      },
      answer: (ok, body) => this.#answerFirst(ok, body),
      wake: (sleep) => this.#wake(sleep),
      fail: (found) => this.#fail(found),
    })
  }

  #clock(kind: TraceKind, read: () => bigint): bigint {
    this.#check()
    const time = this.#replay === undefined ? read() : this.#replay.take(kind).readBigUInt64LE()
    if (this.#recorder !== undefined) this.#record(kind, u64(time))
    return time
  }

  /** A trace that grew too long is a fault that the guest meets in what it does next, or at its end. */
  #record(kind: TraceKind, ...parts: Uint8Array[]): void {
    this.#recorder!.add(kind, ...parts)
    if (!this.#starting) this.#checkTrace()
  }

  #checkTrace(): void {
    if (this.#recorder?.overflown)
      this.#fail(
        new GuestFault(
          'trace-too-large',
          `Expected a trace of at most ${this.limits.traceBytes} bytes, found a longer one; call without a trace, or raise the limit`,
        ),
      )
  }

  #check(): void {
    if (this.#fault !== undefined) throw this.#fault
  }

  #fail(fault: GuestFault): GuestFault {
    this.#fault ??= fault
    return this.#fault
  }
}

/** A promise that a guest may leave alone: what nobody waits for ends no sandbox. */
function promised<T>(): PromiseWithResolvers<T> {
  const made = Promise.withResolvers<T>()
  made.promise.catch(() => {})
  return made
}

function refused(error: Error): Promise<never> {
  const { promise, reject } = promised<never>()
  reject(error)
  return promise
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

/** SHA-256 over what a capability call's frame holds: each name as u16 length ‖ UTF-8, and the payload. */
function digestOf(names: readonly Uint8Array[], payload: Uint8Array): Buffer {
  const parts = names.flatMap((name) => [Uint8Array.of(name.length & 255, name.length >> 8), name])
  return crypto().hash('sha256', Buffer.concat([...parts, payload]), 'buffer')
}
