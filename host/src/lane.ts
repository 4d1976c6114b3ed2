import { type HostCall, takeFrame } from './answers.ts'
import type { Call, CallResult } from './call.ts'
import { badFrame, deadlinePassed, sandboxLost, textOf } from './call-failure.ts'
import { CallQueue } from './call-queue.ts'
import { FrameError } from './frames.ts'
import type { HostError } from './host-error.ts'
import { IdleWatch } from './idle-watch.ts'
import type { LaneParts } from './lane-parts.ts'
import { LoadedModules } from './loaded-modules.ts'
import { FrameType, sendCall, sendLoad } from './messages.ts'
import type { Release } from './release.ts'
import type { Loss, SandboxProcess } from './sandbox-process.ts'
import { SentCalls } from './sent-calls.ts'
import { Vigil, VigilTrial } from './vigil.ts'

/** What a lane tells its trust group. */
export interface LaneEvents {
  /** A call has its answer or its error; its sandbox may be at it still. */
  onSettled(call: Call): void
  /** It has no sandbox any more and no calls. */
  onRetired(lane: Lane): void
}

/** A call lost with a sandbox is sent to one more. */
const ATTEMPTS = 2
/** What weighs more than any number of calls, when a lane is to be chosen: the least bad first. */
const Burden = { starting: 1 << 20, stalled: 1 << 21, alone: 1 << 22, draining: 1 << 23 } as const
const EMPTY = new Uint8Array(0)

/**
 * One sandbox of a trust group, and the next when it is lost. A sandbox whose call passed its deadline is killed; the calls lost
 * with it that had no effect yet are sent to its replacement.
 */
export class Lane {
  readonly #parts: LaneParts
  readonly #events: LaneEvents
  readonly #waiting = new CallQueue()
  readonly #sent = new SentCalls()
  readonly #idleness: IdleWatch
  readonly #vigil: Vigil
  readonly #trial = new VigilTrial()
  #loaded: LoadedModules
  #sandbox: SandboxProcess | undefined
  #starting = false
  /** Counts what the sandbox got done. */
  progress = 0
  /** It got nothing done for a while, until it does. */
  stalled = false
  /** It takes no more calls. */
  draining = false

  constructor(parts: LaneParts, events: LaneEvents) {
    this.#parts = parts
    this.#events = events
    this.#idleness = new IdleWatch(
      parts.limits.idleMs,
      () => this.size === 0,
      () => this.retire(),
    )
    this.#vigil = new Vigil(parts.limits.awakeMicros)
    this.#loaded = new LoadedModules(parts.limits)
  }

  /** Whether a sandbox is at work, or starting, for it. */
  get hasSandbox(): boolean {
    return this.#sandbox !== undefined || this.#starting
  }

  get pid(): number | undefined {
    return this.#sandbox?.pid
  }

  /** Since when it has had nothing to do: the idlest lane makes room for another. */
  get idleSince(): number {
    return this.#idleness.since
  }

  /** Whether its sandbox has nothing to do. */
  get idle(): boolean {
    return this.#sandbox !== undefined && this.size === 0
  }

  /** Calls waiting or sent. */
  get size(): number {
    return this.#waiting.size + this.#sent.size
  }

  /** Calls that keep its sandbox busy. */
  get running(): number {
    return this.size - this.#sent.suspended
  }

  /** How much a further call would have before it; lanes that take calls at once come first. */
  get burden(): number {
    const starting = this.#sandbox === undefined ? Burden.starting : 0
    const stalled = this.stalled ? Burden.stalled : 0
    const alone = this.#waiting.careful ? Burden.alone : 0
    return this.running + starting + stalled + alone + (this.draining ? Burden.draining : 0)
  }

  /** Starts a sandbox ahead of the first call. */
  open(): void {
    void this.#start()
  }

  /** Ends its sandbox as soon as its calls have ended; until then it gets no more. */
  drain(): void {
    this.draining = true
    if (this.size === 0) this.retire()
  }

  /** Takes a call in; it settles by its deadline at the latest. */
  submit(call: Call): void {
    call.timer = setTimeout(this.#expire, call.deadlineMs, call)
    if (this.#sandbox !== undefined && this.#waiting.mayPass(call)) this.#send(call)
    else {
      this.#waiting.add(call)
      this.#pump()
    }
  }

  /** Gives up on a call whose caller went away; what it has begun goes on until its deadline. */
  abandon(call: Call, reason: unknown): void {
    if (call.settled) return
    this.#fail(call, reason)
    if (!this.#sent.has(call)) clearTimeout(call.timer)
  }

  /** Lets the sandbox forget a release without calls. */
  forget(release: Release): void {
    if (this.#loaded.delete(release.handle)) this.#sandbox?.writer.send(FrameType.drop, release.handle, EMPTY)
  }

  /** Sends a release to a sandbox that has the one before it, so that no call has to wait for that. */
  prepareSwap(before: Release, release: Release): void {
    if (this.#sandbox === undefined || !this.#loaded.has(before.handle) || this.#loaded.has(release.handle)) return
    this.#load(this.#sandbox, release, 0)
  }

  /** Ends its sandbox; only when idle, or for good. */
  retire(): void {
    this.#idleness.stop()
    const sandbox = this.#sandbox
    this.#sandbox = undefined
    this.#loaded = new LoadedModules(this.#parts.limits)
    sandbox?.kill()
    this.#events.onRetired(this)
  }

  /** Fails everything under way and ends. */
  close(error: HostError): void {
    const open = [...this.#waiting.clear(), ...this.#sent.clear()]
    this.retire()
    for (const call of open) this.#fail(call, error)
  }

  #pump(): void {
    if (this.#sandbox === undefined) {
      if (!this.#starting && this.#waiting.size > 0) void this.#start()
      return
    }
    const next = () => this.#waiting.next(this.#sent.size > 0)
    for (let call = next(); call !== undefined; call = next()) this.#send(call)
  }

  async #start(): Promise<void> {
    this.#starting = true
    try {
      let sandbox = await this.#parts.takeSandbox()
      while (sandbox.gone) sandbox = await this.#parts.takeSandbox()
      const taken = sandbox
      taken.onFrame = (type, id, body) => this.#onFrame(type, id, body)
      taken.onLost = (loss) => this.#lose(taken, loss)
      this.#loaded = new LoadedModules(this.#parts.limits)
      this.#sandbox = taken
      this.#starting = false
      this.#pump()
      if (this.size === 0) this.#rest()
    } catch (error) {
      this.#starting = false
      for (const call of this.#waiting.clear()) this.#fail(call, error)
      this.#events.onRetired(this)
    }
  }

  #send(call: Call): void {
    const sandbox = this.#sandbox!
    const { release } = call
    if (!this.#loaded.use(release.handle)) {
      try {
        this.#load(sandbox, release, call.kind === 'load' ? call.id : 0)
      } catch (error) {
        this.#end(call, undefined, error)
        return
      }
    }
    call.attempts++
    const lone = this.#sent.add(call)
    call.awake = lone && this.#trial.awake
    if (call.kind === 'call') sendCall(sandbox.writer, call.id, release.handle, call)
    if (lone) this.#hurry(sandbox, call)
  }

  /** An idle sandbox has nothing to wait for; with other calls under way a frame can share their write. */
  #hurry(sandbox: SandboxProcess, call: Call): void {
    sandbox.writer.flush()
    if (call.awake) this.#vigil.start()
  }

  #load(sandbox: SandboxProcess, release: Release, id: number): void {
    const { handle, module, settings } = release
    const bytes = this.#parts.moduleOf(release)
    for (const dropped of this.#loaded.makeRoom(bytes.length)) sandbox.writer.send(FrameType.drop, dropped, EMPTY)
    this.#loaded.add(release, bytes.length)
    sendLoad(sandbox.writer, id, handle, module.form, settings, bytes)
  }

  #onFrame(type: number, id: number, body: Buffer): void {
    const call = this.#sent.get(id)
    if (call === undefined)
      throw new FrameError(`Expected a frame about a call under way, found type ${type} for ${id}`)
    this.progress++
    this.stalled = false
    const { line, result, error, asked } = takeFrame(call, type, body, this.#parts.limits)
    if (line !== undefined) this.#parts.onLog({ actor: call.release, text: line })
    else if (asked !== undefined) this.#serve(call, asked)
    else if (result !== undefined || error !== undefined) this.#end(call, result, error)
  }

  #serve(call: Call, { names, payload }: HostCall): void {
    const sandbox = this.#sandbox!
    if (call.settled) {
      sandbox.writer.send(FrameType.hostError, call.id, Buffer.from('host/deadline: the call has ended'))
      return
    }
    const resume = this.#sent.suspend(call)
    const answer = (type: number, bytes: Uint8Array) => {
      // Late: the call has ended, or its sandbox has.
      if (this.#sandbox !== sandbox || !resume()) return
      sandbox.writer.send(type, call.id, bytes)
      if (this.#sent.isLone(call)) this.#hurry(sandbox, call)
    }
    this.#parts.serve(call, names, payload).then(
      (bytes) => answer(FrameType.hostOk, bytes),
      (error) => answer(FrameType.hostError, Buffer.from(textOf(error)).subarray(0, this.#parts.limits.textBytes)),
    )
  }

  readonly #expire = (call: Call): void => {
    const sandbox = this.#sandbox
    this.#fail(call, deadlinePassed(call))
    if (!this.#sent.has(call) || sandbox === undefined) return
    if (call.hostCall === undefined) {
      sandbox.kill()
      return
    }
    // It waits for a capability, so the sandbox is not stuck: let the actor wind up, under a watch.
    this.#sent.resume(call)
    sandbox.writer.send(FrameType.hostError, call.id, Buffer.from('host/deadline: the deadline of the call has passed'))
    call.timer = setTimeout(() => {
      if (this.#sent.get(call.id) === call && this.#sandbox === sandbox) sandbox.kill()
    }, this.#parts.limits.windUpMs)
  }

  /** The sandbox has answered, with a result or an error. */
  #end(call: Call, result: CallResult | undefined, error?: unknown): void {
    clearTimeout(call.timer)
    this.#sent.delete(call)
    this.#waiting.ended(call)
    if (!call.settled) this.#settle(call, result, error)
    if (this.#waiting.size > 0) this.#pump()
    else if (this.#sent.size === 0) this.#rest(call)
  }

  #fail(call: Call, error: unknown): void {
    if (!call.settled) this.#settle(call, undefined, error)
  }

  #settle(call: Call, result: CallResult | undefined, error: unknown): void {
    call.settled = true
    call.abort?.abort()
    if (!this.#sent.has(call)) clearTimeout(call.timer)
    if (result === undefined) call.reject(error)
    else call.resolve(result)
    this.#events.onSettled(call)
  }

  #rest(last?: Call): void {
    this.#vigil.end()
    if (this.draining) {
      this.retire()
      return
    }
    this.#idleness.begin()
    if (last !== undefined && this.#sent.isLone(last)) this.#trial.note(this.#idleness.since - last.startedAt)
  }

  #lose(sandbox: SandboxProcess, loss: Loss): void {
    if (this.#sandbox !== sandbox) return
    this.#sandbox = undefined
    this.stalled = false
    const suspects: Call[] = []
    for (const call of this.#sent.clear()) {
      if (call.settled) continue
      call.hostCall = undefined
      if (loss.frameError !== undefined) this.#fail(call, badFrame(call, loss.frameError))
      else if (call.effects || call.attempts >= ATTEMPTS) this.#fail(call, sandboxLost(call, loss))
      else suspects.push(call)
    }
    this.#waiting.takeBack(suspects)
    if (this.#waiting.size > 0) this.#pump()
    else this.#events.onRetired(this)
  }
}
