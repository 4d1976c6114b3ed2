import { type Call, failureOf, type Release } from './call.ts'
import type { CapabilityBroker, CapabilityInvocation } from './capability.ts'
import { FrameError, parseNamed } from './frames.ts'
import { HostError } from './host-error.ts'
import type { HostLimits } from './limits.ts'
import { FrameType, FUEL_BYTES, LOADED_BYTES, parseFailure, parseFuel, sendCall, sendLoad } from './messages.ts'
import type { Loss, SandboxProcess } from './sandbox-process.ts'

/** A line that an actor wrote to its console. */
export interface ActorLog {
  readonly actor: Release
  readonly text: string
}

/** What a trust group needs from the host. */
export interface TrustGroupParts {
  readonly limits: HostLimits
  /** A sandbox that is ready. */
  readonly takeSandbox: () => Promise<SandboxProcess>
  readonly invoke: CapabilityBroker
  readonly onLog: (line: ActorLog) => void
}

/** A call lost with a sandbox is sent to one more. */
const ATTEMPTS = 2

/**
 * The actors of one publisher and their one sandbox. Calls go out in the order they came. A sandbox whose call passed its
 * deadline is killed; the calls lost with it that had no effect yet are sent to its replacement one at a time, so that the
 * one at fault can hurt no other again.
 */
export class TrustGroup {
  readonly #parts: TrustGroupParts
  readonly #waiting: Call[] = []
  readonly #sent = new Map<number, Call>()
  #sandbox: SandboxProcess | undefined
  #starting = false
  /** How many at the head of the queue were lost with a sandbox; each runs alone. */
  #suspects = 0
  #alone: Call | undefined
  #bytes = 0
  #idleTimer: NodeJS.Timeout | undefined
  /** When it last sent a call: the idlest group makes room for another. */
  lastUsedAt = 0

  constructor(parts: TrustGroupParts) {
    this.#parts = parts
  }

  /** Whether a sandbox is at work, or starting, for it. */
  get hasSandbox(): boolean {
    return this.#sandbox !== undefined || this.#starting
  }

  get pid(): number | undefined {
    return this.#sandbox?.pid
  }

  /** Whether nothing waits or runs. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#sent.size === 0
  }

  /** Takes a call in; it settles by its deadline at the latest. @throws HostError `host/overloaded` */
  submit(call: Call): void {
    const { limits } = this.#parts
    if (this.#waiting.length + this.#sent.size >= limits.calls || this.#bytes + call.payload.length > limits.callBytes)
      throw new HostError(
        'host/overloaded',
        `Expected at most ${limits.calls} calls and ${limits.callBytes} bytes under way for ${call.release.publisher}, found more; try again`,
        { kind: 'unavailable', release: call.release },
      )
    this.#bytes += call.payload.length
    call.release.active++
    call.timer = setTimeout(this.#expire, call.deadlineMs, call)
    if (this.#sandbox !== undefined && this.#waiting.length === 0 && this.#alone === undefined) this.#send(call)
    else {
      this.#waiting.push(call)
      this.#pump()
    }
  }

  /** Gives up on a call whose caller went away; what it has begun goes on until its deadline. */
  abandon(call: Call, reason: unknown): void {
    if (!call.settled) this.#settle(call, () => call.reject(reason))
    if (!this.#sent.has(call.id)) clearTimeout(call.timer)
  }

  /** Lets the sandbox forget a release without calls. */
  forget(release: Release): void {
    if (this.#sandbox?.loaded.delete(release.handle))
      this.#sandbox.writer.send(FrameType.drop, release.handle, new Uint8Array(0))
  }

  /** Ends its sandbox; only when idle, or for good. */
  retire(): void {
    clearTimeout(this.#idleTimer)
    this.#idleTimer = undefined
    const sandbox = this.#sandbox
    this.#sandbox = undefined
    sandbox?.kill()
  }

  /** Fails everything under way and ends. */
  close(error: HostError): void {
    const open = [...this.#waiting.splice(0), ...this.#sent.values()]
    this.#sent.clear()
    this.retire()
    for (const call of open) this.#fail(call, error)
  }

  #pump(): void {
    if (this.#sandbox === undefined) {
      if (!this.#starting && this.#waiting.length > 0) void this.#start()
      return
    }
    while (this.#waiting.length > 0 && this.#alone === undefined) {
      if (this.#suspects > 0 && this.#sent.size > 0) return
      const call = this.#waiting.shift()!
      if (this.#suspects > 0) {
        this.#suspects--
        if (!call.settled) this.#alone = call
      }
      if (!call.settled) this.#send(call)
    }
  }

  async #start(): Promise<void> {
    this.#starting = true
    try {
      let sandbox = await this.#parts.takeSandbox()
      while (sandbox.gone) sandbox = await this.#parts.takeSandbox()
      const taken = sandbox
      taken.onFrame = (type, id, body) => this.#onFrame(type, id, body)
      taken.onLost = (loss) => this.#lose(taken, loss)
      this.#sandbox = taken
      this.#starting = false
      this.#pump()
    } catch (error) {
      this.#starting = false
      this.#suspects = 0
      for (const call of this.#waiting.splice(0)) this.#fail(call, error)
    }
  }

  #send(call: Call): void {
    const sandbox = this.#sandbox!
    const { release } = call
    call.attempts++
    this.#sent.set(call.id, call)
    if (!sandbox.loaded.has(release.handle)) {
      sandbox.loaded.add(release.handle)
      sendLoad(
        sandbox.writer,
        call.kind === 'load' ? call.id : 0,
        release.handle,
        release.form,
        release.settings,
        release.module,
      )
    }
    if (call.kind === 'call') sendCall(sandbox.writer, call.id, release.handle, call)
    // An idle sandbox has nothing to wait for; behind other calls this one can share a write.
    if (this.#sent.size === 1) sandbox.writer.flush()
  }

  #onFrame(type: number, id: number, body: Buffer): void {
    const call = this.#sent.get(id)
    if (call === undefined)
      throw new FrameError(`Expected a frame about a call under way, found type ${type} for ${id}`)
    if (type === FrameType.log) this.#log(call, body)
    else if (call.hostCall !== undefined)
      throw new FrameError(`Expected call ${id} to wait for its capability, found a frame of type ${type}`)
    else if (type === FrameType.ok) this.#succeed(call, body)
    else if (type === FrameType.error) {
      const { failure, text } = parseFailure(body, this.#parts.limits.textBytes)
      const fuel = parseFuel(body)
      this.#end(call, () => call.reject(failureOf(call, failure, text, fuel)))
    } else if (type === FrameType.hostCall && call.kind === 'call') this.#serve(call, body)
    else if (type === FrameType.trace && call.trace && call.recorded === undefined) this.#record(call, body)
    else throw new FrameError(`Expected an answer to call ${id}, found a frame of type ${type}`)
  }

  #succeed(call: Call, body: Buffer): void {
    const { responseBytes } = this.#parts.limits
    const length = body.length - FUEL_BYTES
    if (length < 0 || length > responseBytes || (call.kind === 'load' && length !== LOADED_BYTES))
      throw new FrameError(`Expected an answer of at most ${responseBytes} bytes to call ${call.id}, found ${length}`)
    this.#end(call, () => call.resolve({ body, trace: call.recorded }))
  }

  #record(call: Call, body: Buffer): void {
    const { traceBytes } = this.#parts.limits
    if (body.length > traceBytes)
      throw new FrameError(`Expected a trace of at most ${traceBytes} bytes, found ${body.length}`)
    call.recorded = body
  }

  #log(call: Call, body: Buffer): void {
    const { logLines, textBytes } = this.#parts.limits
    // A line may be three times as long in UTF-8 when the sandbox replaced malformed bytes.
    if (++call.logLines > logLines || body.length > 3 * textBytes)
      throw new FrameError(
        `Expected at most ${logLines} log lines of ${textBytes} bytes from call ${call.id}, found more`,
      )
    this.#parts.onLog({ actor: call.release, text: body.toString() })
  }

  #serve(call: Call, body: Buffer): void {
    const { names, payload } = parseNamed(body, 3, this.#parts.limits)
    const [binding, capability, operation] = names as [string, string, string]
    const actor = call.release
    const sandbox = this.#sandbox!
    const refuse = (text: string) => sandbox.writer.send(FrameType.hostError, call.id, Buffer.from(text))
    if (call.settled) {
      refuse('host/deadline: the call has ended')
      return
    }
    if (!actor.grants.includes(capability)) {
      call.denied = denial(actor, capability, operation)
      refuse(`host/capability-denied: ${call.denied}`)
      return
    }
    call.effects = true
    call.abort ??= new AbortController()
    void this.#invoke(call, sandbox, { actor, binding, capability, operation, payload }, call.abort.signal)
  }

  async #invoke(
    call: Call,
    sandbox: SandboxProcess,
    invocation: CapabilityInvocation,
    signal: AbortSignal,
  ): Promise<void> {
    const { responseBytes, textBytes } = this.#parts.limits
    const token = Symbol()
    call.hostCall = token
    let type: number = FrameType.hostOk
    let answer: Uint8Array
    try {
      answer = await this.#parts.invoke(invocation, signal)
      if (answer.length > responseBytes)
        throw new HostError(
          'host/response-too-large',
          `Expected at most ${responseBytes} bytes, found ${answer.length}`,
        )
    } catch (error) {
      type = FrameType.hostError
      answer = Buffer.from(errorText(error)).subarray(0, textBytes)
    }
    // Late: the call has ended, or its sandbox has.
    if (call.hostCall !== token || this.#sandbox !== sandbox) return
    call.hostCall = undefined
    sandbox.writer.send(type, call.id, answer)
  }

  readonly #expire = (call: Call): void => {
    const sandbox = this.#sandbox
    const wasSettled = call.settled
    if (!wasSettled) {
      const what = call.kind === 'load' ? 'load' : 'answer'
      this.#fail(
        call,
        new HostError(
          'host/deadline',
          `Expected ${call.release.name} v${call.release.version} to ${what} within ${call.deadlineMs} ms, found no answer`,
          { kind: 'unavailable', release: call.release },
        ),
      )
    }
    if (!this.#sent.has(call.id) || sandbox === undefined) return
    if (call.hostCall === undefined) {
      sandbox.kill()
      return
    }
    // It waits for a capability, so the sandbox is not stuck: let the actor wind up, under a watch.
    call.hostCall = undefined
    sandbox.writer.send(FrameType.hostError, call.id, Buffer.from('host/deadline: the deadline of the call has passed'))
    call.timer = setTimeout(() => {
      if (this.#sent.get(call.id) === call && this.#sandbox === sandbox) sandbox.kill()
    }, this.#parts.limits.windUpMs)
  }

  /** The sandbox has answered. */
  #end(call: Call, finish: () => void): void {
    clearTimeout(call.timer)
    this.#sent.delete(call.id)
    if (this.#alone === call) this.#alone = undefined
    if (!call.settled) this.#settle(call, finish)
    if (this.#waiting.length > 0) this.#pump()
    else if (this.#sent.size === 0) this.#rest()
  }

  #fail(call: Call, error: unknown): void {
    if (!call.settled) this.#settle(call, () => call.reject(error))
  }

  #settle(call: Call, finish: () => void): void {
    call.settled = true
    call.abort?.abort()
    this.#bytes -= call.payload.length
    const { release } = call
    release.active--
    if (!this.#sent.has(call.id)) clearTimeout(call.timer)
    finish()
    if (release.superseded && release.active === 0) this.forget(release)
  }

  #rest(): void {
    this.lastUsedAt = performance.now()
    if (this.#idleTimer === undefined) this.#watchIdle(this.#parts.limits.idleMs)
  }

  #watchIdle(forMs: number): void {
    this.#idleTimer = setTimeout(() => {
      this.#idleTimer = undefined
      if (!this.idle) return
      const leftMs = this.lastUsedAt + this.#parts.limits.idleMs - performance.now()
      if (leftMs < 1) this.retire()
      else this.#watchIdle(leftMs)
    }, forMs)
    this.#idleTimer.unref()
  }

  #lose(sandbox: SandboxProcess, loss: Loss): void {
    if (this.#sandbox !== sandbox) return
    this.#sandbox = undefined
    const lost = [...this.#sent.values()]
    this.#sent.clear()
    this.#alone = undefined
    const suspects: Call[] = []
    for (const call of lost) {
      if (call.settled) continue
      call.hostCall = undefined
      if (loss.frameError !== undefined) this.#fail(call, badFrame(call, loss.frameError))
      else if (call.effects || call.attempts >= ATTEMPTS) this.#fail(call, sandboxLost(call, loss))
      else suspects.push(call)
    }
    this.#waiting.unshift(...suspects)
    this.#suspects += suspects.length
    this.#pump()
  }
}

function denial(actor: Release, capability: string, operation: string): string {
  const granted = actor.grants.length === 0 ? 'nothing' : actor.grants.join(', ')
  const wanted = capability === '' ? 'a nameless capability' : capability
  return `Expected ${actor.name} v${actor.version} to use what it was granted (${granted}), found a call of ${wanted} ${operation}.`
}

function badFrame(call: Call, cause: FrameError): HostError {
  return new HostError('host/bad-frame', `The sandbox of ${call.release.name} broke the protocol: ${cause.message}`, {
    kind: 'fault',
    cause,
    release: call.release,
  })
}

function sandboxLost(call: Call, loss: Loss): HostError {
  const why = call.effects ? 'after a capability call' : 'twice'
  return new HostError(
    'host/sandbox-lost',
    `Expected an answer of ${call.release.name} v${call.release.version}, found its sandbox gone ${why} (${loss.text})`,
    { kind: 'unavailable', release: call.release },
  )
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return 'the capability failed'
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? `${code}: ${error.message}` : error.message
}
