import { setTimeout as sleep } from 'node:timers/promises'
import { TeapotError } from '@teapot-network/trust'
import type { ProviderLaunch } from './launch.ts'
import type { ProviderLimits } from './protocol.ts'
import type { ProviderImage } from './provider-image.ts'
import { type OutgoingCall, ProviderProcess, type RequestHandler, type Service } from './provider-process.ts'

/** What a running provider is made of. */
export interface RunningProviderParts {
  readonly launch: ProviderLaunch
  readonly limits: ProviderLimits
  /** A process is up and has not been sent any call. */
  readonly onStart: (process: ProviderProcess, service: Service) => void
  readonly onRestart: (restarts: number, reason: string) => void
  readonly onRequest: RequestHandler
}

/**
 * A provider that is kept running: when its process ends it is started again, after a pause that grows with each failure. One that
 * does nothing by itself rests while nobody calls it.
 */
export class RunningProvider {
  readonly image: ProviderImage
  /** What it serves; known once started. */
  service: Service = new Map()
  restarts = 0
  /** Actors that have called it. */
  readonly callers = new Set<string>()
  readonly #parts: RunningProviderParts
  readonly #closing = new AbortController()
  #alive: ProviderProcess | undefined
  /** The process at work, or the next one; undefined while it rests. */
  #next: Promise<ProviderProcess> | undefined
  #pauseMs: number
  #rest: NodeJS.Timeout | undefined
  /** The end of the process that was let go last. */
  #resting: Promise<void> | undefined

  constructor(image: ProviderImage, parts: RunningProviderParts) {
    this.image = image
    this.#parts = parts
    this.#pauseMs = parts.limits.backoffMs
    this.#begin(this.#spawn())
  }

  get pid(): number | undefined {
    return this.#alive?.pid
  }

  /** The process at work, where there is one now. */
  get alive(): ProviderProcess | undefined {
    return this.#alive
  }

  /** Waits for the first start. @throws TeapotError `provider/does-not-start` */
  async start(): Promise<Service> {
    await this.#next
    return this.service
  }

  /** @throws TeapotError as {@link ProviderProcess.call}, `provider/overloaded`, `provider/lost` when no process comes up in time */
  async call(call: OutgoingCall, signal: AbortSignal): Promise<Uint8Array> {
    const { calls } = this.#parts.limits
    signal.throwIfAborted()
    const running = this.#alive ?? (await this.#wait(signal))
    if (running.active >= calls)
      throw new TeapotError('provider/overloaded', `Expected at most ${calls} calls under way, found more; try again`, {
        kind: 'unavailable',
      })
    this.callers.add(call.actor)
    this.#rest?.refresh()
    return running.call(call, signal)
  }

  /** Ends it, with the calls under way. */
  async close(withinMs: number): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#rest)
    const running = await this.#next?.catch(() => undefined)
    await Promise.all([running?.close(withinMs), this.#resting])
  }

  async #wait(signal: AbortSignal): Promise<ProviderProcess> {
    const timeout = AbortSignal.timeout(this.#parts.limits.waitMs)
    const lost = Promise.withResolvers<never>()
    const giveUp = () => lost.reject(signal.aborted ? signal.reason : timeout.reason)
    for (const one of [signal, timeout]) one.addEventListener('abort', giveUp, { once: true })
    try {
      return await Promise.race([this.#next ?? this.#begin(this.#spawn().catch(() => this.#restart())), lost.promise])
    } catch (cause) {
      if (signal.aborted) throw cause
      throw new TeapotError(
        'provider/lost',
        `Expected ${this.image.name} to be running, found it restarting; try again`,
        { kind: 'unavailable', cause },
      )
    } finally {
      for (const one of [signal, timeout]) one.removeEventListener('abort', giveUp)
    }
  }

  async #spawn(): Promise<ProviderProcess> {
    const { launch, limits, onStart, onRestart, onRequest } = this.#parts
    const child = new ProviderProcess(launch, limits, onRequest)
    this.service = await child.ready
    if (child.gone) throw new TeapotError('provider/lost', 'Expected a provider that runs, found it gone at its start')
    const startedAt = performance.now()
    child.onGone = (reason) => {
      this.#alive = undefined
      if (performance.now() - startedAt > limits.maxBackoffMs) this.#pauseMs = limits.backoffMs
      clearTimeout(this.#rest)
      onRestart(++this.restarts, reason)
      this.#begin(this.#restart())
    }
    onStart(child, this.service)
    this.#alive = child
    // Who may call actors does things by itself.
    if (!launch.grants.includes('actors')) this.#rest = setTimeout(() => this.#restIfIdle(child), limits.idleMs).unref()
    return child
  }

  #begin(next: Promise<ProviderProcess>): Promise<ProviderProcess> {
    this.#next = next
    next.catch(() => {})
    return next
  }

  #restIfIdle(child: ProviderProcess): void {
    if (child.busy) {
      this.#rest?.refresh()
      return
    }
    this.#alive = undefined
    this.#next = undefined
    this.#resting = child.close(this.#parts.limits.closeMs)
  }

  async #restart(): Promise<ProviderProcess> {
    for (;;) {
      await sleep(this.#pauseMs, undefined, { signal: this.#closing.signal })
      this.#pauseMs = Math.min(this.#pauseMs * 2, this.#parts.limits.maxBackoffMs)
      try {
        return await this.#spawn()
      } catch (error) {
        this.#parts.onRestart(++this.restarts, (error as Error).message)
      }
    }
  }
}
