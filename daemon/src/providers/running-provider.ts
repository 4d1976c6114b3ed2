import { setTimeout as sleep } from 'node:timers/promises'
import { TeapotError } from '@teapot-network/trust'
import type { ProviderLimits } from './protocol.ts'
import type { ProviderCall } from './provider.ts'
import { type ProviderLaunch, ProviderProcess, type Service } from './provider-process.ts'
import type { ProviderImage } from './supervisor.ts'

/** What a running provider is made of. */
export interface RunningProviderParts {
  readonly launch: ProviderLaunch
  readonly limits: ProviderLimits
  readonly onRestart: (restarts: number, reason: string) => void
}

/** A provider that is kept running: when its process ends it is started again, after a pause that grows with each failure. */
export class RunningProvider {
  readonly image: ProviderImage
  readonly #parts: RunningProviderParts
  readonly #closing = new AbortController()
  /** The process at work, or on its way; replaced when it ends. */
  #process: Promise<ProviderProcess>
  #pid: number | undefined
  #alive: ProviderProcess | undefined
  service: Service | undefined
  restarts = 0

  constructor(image: ProviderImage, parts: RunningProviderParts) {
    this.image = image
    this.#parts = parts
    this.#process = this.#spawn()
    this.#process.catch(() => {})
  }

  get pid(): number | undefined {
    return this.#pid
  }

  /** Waits for the first start. @throws TeapotError `provider/does-not-start` */
  async start(): Promise<Service> {
    const first = await this.#process
    void this.#keepAlive(first)
    return this.service!
  }

  /** @throws TeapotError as {@link ProviderProcess.call}, `provider/overloaded`, `provider/lost` when no process comes up in time */
  async call(call: ProviderCall, signal: AbortSignal): Promise<Uint8Array> {
    const { calls, waitMs } = this.#parts.limits
    const running = this.#alive ?? (await this.#wait(AbortSignal.any([signal, AbortSignal.timeout(waitMs)])))
    if (running.active >= calls)
      throw new TeapotError('provider/overloaded', `Expected at most ${calls} calls under way, found more; try again`, {
        kind: 'unavailable',
      })
    return running.call(call, signal)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#process.then(
      (running) => running.close(),
      () => {},
    )
  }

  /** The process at work, or the next one. */
  #wait(until: AbortSignal): Promise<ProviderProcess> {
    const { promise, resolve, reject } = Promise.withResolvers<ProviderProcess>()
    const lost = (cause?: unknown) =>
      reject(
        new TeapotError('provider/lost', `Expected ${this.image.name} to be running, found it restarting; try again`, {
          kind: 'unavailable',
          cause,
        }),
      )
    until.addEventListener('abort', () => lost(until.reason), { once: true })
    this.#process.then(resolve, lost)
    return promise
  }

  async #spawn(): Promise<ProviderProcess> {
    const child = new ProviderProcess(this.#parts.launch, this.#parts.limits)
    this.#pid = child.pid
    this.service = await child.ready
    this.#alive = child
    return child
  }

  async #keepAlive(first: ProviderProcess): Promise<void> {
    const { backoffMs, maxBackoffMs } = this.#parts.limits
    let running: ProviderProcess | undefined = first
    let pauseMs = backoffMs
    while (!this.#closing.signal.aborted) {
      const startedAt = performance.now()
      await running?.exited
      this.#alive = undefined
      if (this.#closing.signal.aborted) return
      if (performance.now() - startedAt > maxBackoffMs) pauseMs = backoffMs
      this.#parts.onRestart(++this.restarts, `ended after ${Math.round(performance.now() - startedAt)} ms`)
      const next: Promise<ProviderProcess> = sleep(pauseMs, undefined, { signal: this.#closing.signal }).then(() =>
        this.#spawn(),
      )
      this.#process = next
      running = await next.catch(() => undefined)
      pauseMs = Math.min(pauseMs * 2, maxBackoffMs)
    }
  }
}
