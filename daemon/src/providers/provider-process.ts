import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Confinement } from '@teapot-network/host'
import { createFrameReader, FrameError, FrameWriter, parseNamed, sendNamed } from '@teapot-network/host/frames'
import { type ErrorKind, TeapotError } from '@teapot-network/trust'
import { type ProviderLaunch, spawnProvider } from './launch.ts'
import { ProviderFrame, type ProviderLimits } from './protocol.ts'
import type { ProviderCall, TellableBinding } from './provider.ts'
import type { ServiceRequest } from './services.ts'

/** What a provider said it serves: operations by capability id. */
export type Service = ReadonlyMap<string, ReadonlySet<string>>

/** A call on its way to a provider. */
export type OutgoingCall = Omit<ProviderCall, 'signal'>

/** Serves a provider's own requests. */
export type RequestHandler = (request: ServiceRequest) => Promise<Uint8Array>

interface Pending {
  readonly resolve: (answer: Buffer) => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

const NOTHING = new Uint8Array(0)
const KINDS: readonly string[] = ['refused', 'unavailable', 'fault'] satisfies ErrorKind[]

/**
 * One run of a provider module in a process of its own: an empty environment, no child processes, nothing written outside of
 * its data directory, and no network unless granted (spec/host.md §6). Calls under way when it ends fail with
 * `provider/lost`: nobody can tell whether they had their effect.
 */
export class ProviderProcess {
  readonly ready: Promise<Service>
  readonly exited: Promise<void>
  /** Called once, as soon as it was killed or has exited. */
  onGone: ((reason: string) => void) | undefined
  readonly #child: ChildProcess
  readonly #confinement: Confinement
  readonly #writer: FrameWriter
  readonly #limits: ProviderLimits
  readonly #onRequest: RequestHandler
  readonly #pending = new Map<number, Pending>()
  #output = ''
  #nextId = 0
  #requests = 0
  #heardAt = performance.now()
  #gone = false

  constructor(launch: ProviderLaunch, limits: ProviderLimits, onRequest: RequestHandler) {
    this.#limits = limits
    this.#onRequest = onRequest
    this.#child = spawnProvider(launch, limits)
    this.#confinement = launch.confinement
    const pipe = this.#child.stdio[3] as Socket
    this.#writer = new FrameWriter((chunk) => pipe.write(chunk))
    const ready = Promise.withResolvers<Service>()
    const exited = Promise.withResolvers<void>()
    ready.promise.catch(() => {})
    this.ready = ready.promise
    this.exited = exited.promise
    const timer = setTimeout(() => this.kill(), limits.startMs)
    const read = createFrameReader(limits.responseBytes + 2 * limits.textBytes, (type, id, body) => {
      this.#heardAt = performance.now()
      if (type === ProviderFrame.request) return this.#serve(id, body)
      if (type !== ProviderFrame.ready) return this.#answer(type, id, body)
      clearTimeout(timer)
      ready.resolve(parseReady(body, limits))
    })
    pipe.on('data', (chunk: Buffer) => {
      try {
        read(chunk)
      } catch (error) {
        this.kill('provider/bad-frame', (error as Error).message)
      }
    })
    pipe.on('error', () => this.kill())
    for (const output of [this.#child.stdout, this.#child.stderr])
      output?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-limits.textBytes)
      })
    const end = (how: string) => {
      clearTimeout(timer)
      const why = `${how}${this.#output === '' ? '' : `: ${this.#output}`}`
      this.#lose('provider/lost', `Expected an answer, found the provider's process gone (${why})`)
      ready.reject(
        new TeapotError('provider/does-not-start', `Expected a provider that starts, found ${why}`, { kind: 'fault' }),
      )
      exited.resolve()
    }
    this.#child.on('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    this.#child.on('error', (error) => end(error.message))
    this.#writer.send(ProviderFrame.begin, 0, Buffer.from(JSON.stringify(launch.operator)))
  }

  get pid(): number | undefined {
    return this.#gone ? undefined : this.#confinement.pidOf(this.#child)
  }

  /** Whether it was killed or has exited. */
  get gone(): boolean {
    return this.#gone
  }

  /** Calls under way. */
  get active(): number {
    return this.#pending.size
  }

  /** Whether calls, or requests of its own, are under way. */
  get busy(): boolean {
    return this.#pending.size + this.#requests > 0
  }

  /** Sends one call. @throws TeapotError as the provider answered, `provider/lost`, `provider/deadline`, `provider/bad-frame` */
  call(call: OutgoingCall, signal: AbortSignal | undefined): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    this.#nextId = (this.#nextId + 1) % 0xffff_ffff
    const id = this.#nextId
    const sentAt = performance.now()
    const giveUp = (reason: unknown) => {
      if (this.#take(id) === undefined) return
      reject(reason)
      this.#writer.send(ProviderFrame.cancel, id, NOTHING)
    }
    const timer = setTimeout(() => {
      giveUp(tooLate(call.operation, this.#limits.callMs))
      if (this.#heardAt < sentAt) this.kill()
    }, this.#limits.callMs)
    this.#pending.set(id, { resolve, reject, timer })
    const abandon = () => giveUp(signal?.reason)
    signal?.addEventListener('abort', abandon, { once: true })
    sendNamed(this.#writer, ProviderFrame.call, id, namesOf(call), call.payload)
    return promise.finally(() => signal?.removeEventListener('abort', abandon))
  }

  /** Tells it what an actor is bound to. */
  bind(actor: string, publisher: string, bindings: readonly TellableBinding[]): void {
    const names = [Buffer.from(actor), Buffer.from(publisher)]
    sendNamed(this.#writer, ProviderFrame.bindings, 0, names, Buffer.from(JSON.stringify(bindings)))
  }

  /** Lets it end the calls under way, for so long at most. */
  async close(withinMs: number): Promise<void> {
    this.onGone = undefined
    this.#writer.send(ProviderFrame.close, 0, NOTHING)
    const timer = setTimeout(() => this.kill(), withinMs)
    await this.exited
    clearTimeout(timer)
  }

  /** Ends it at once; what it was doing fails. */
  kill(code = 'provider/lost', why = 'the provider was stuck and had to be killed'): void {
    this.#child.kill('SIGKILL')
    this.#lose(code, why)
  }

  /** An answer to a call that nobody waits for any more is dropped. */
  #answer(type: number, id: number, body: Buffer): void {
    if (type === ProviderFrame.ok) {
      this.#take(id)?.resolve(body)
      return
    }
    if (type !== ProviderFrame.error) throw new FrameError(`Expected an answer, found a frame of type ${type}`)
    const { names, payload } = parseNamed(body, 2, this.#limits)
    const kind = KINDS.includes(names[1]!) ? (names[1] as ErrorKind) : 'fault'
    this.#take(id)?.reject(new TeapotError(names[0]!, payload.toString(), { kind }))
  }

  #serve(id: number, body: Buffer): void {
    const { names, payload } = parseNamed(body, 3, this.#limits)
    if (++this.#requests > this.#limits.calls)
      throw new FrameError(`Expected at most ${this.#limits.calls} requests under way, found more`)
    const [service, about, operation] = names as [string, string, string]
    void this.#settle(id, this.#onRequest({ service, about, operation, payload }))
  }

  async #settle(id: number, work: Promise<Uint8Array>): Promise<void> {
    try {
      const answer = await work
      if (!this.#gone) this.#writer.send(ProviderFrame.granted, id, answer)
    } catch (error) {
      const { code = 'provider/failed', message } = error as { code?: string; message: string }
      const text = Buffer.from(message).subarray(0, this.#limits.textBytes)
      if (!this.#gone) sendNamed(this.#writer, ProviderFrame.denied, id, [Buffer.from(code)], text)
    }
    this.#requests--
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    clearTimeout(pending?.timer)
    this.#pending.delete(id)
    return pending
  }

  #lose(code: string, message: string): void {
    if (this.#gone) return
    this.#gone = true
    // First, so that a call made by one that fails now goes to the next process.
    this.onGone?.(message)
    for (const id of [...this.#pending.keys()])
      this.#take(id)?.reject(new TeapotError(code, message, { kind: 'unavailable' }))
  }
}

function namesOf({ actor, publisher, binding, capability, operation, settings }: OutgoingCall): Buffer[] {
  const told = Object.keys(settings).length === 0 ? '' : JSON.stringify(settings)
  return [actor, publisher, binding, capability, operation, told].map((name) => Buffer.from(name))
}

function tooLate(operation: string, callMs: number): TeapotError {
  return new TeapotError('provider/deadline', `Expected ${operation} to end within ${callMs} ms, found no answer`, {
    kind: 'unavailable',
  })
}

/** @throws FrameError when a line does not begin with a capability id, or none has an operation */
function parseReady(body: Buffer, limits: ProviderLimits): Service {
  const service = new Map<string, ReadonlySet<string>>()
  for (const line of body.toString().split('\n')) {
    const [capability = '', ...operations] = line.split(' ')
    if (
      !/^[a-z0-9-]+:[a-z0-9_.-]+$/.test(capability) ||
      capability.length > limits.nameBytes ||
      operations.length === 0
    )
      throw new FrameError(`Expected a capability id and its operations, found ${JSON.stringify(line.slice(0, 80))}`)
    service.set(capability, new Set(operations))
  }
  return service
}
