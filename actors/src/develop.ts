import { watch } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  type ActorImage,
  type Binding,
  type CallResult,
  type CapabilityBroker,
  createHost,
  DEFAULT_LIMITS,
  type Host,
  HostError,
  SOURCE_ENTRIES,
} from '@teapot-network/host'
import { type BuiltActor, buildActor } from './build.ts'
import { explain } from './explain.ts'
import { openLocalProviders } from './local-providers.ts'

/** What happens while an actor is developed. */
export type DevelopEvent =
  | { type: 'loaded'; version: number; sizeBytes: number; buildMs: number; loadMs: number }
  | { type: 'failed'; message: string }
  | { type: 'log'; text: string }

/** How an actor is developed. */
export interface DevelopOptions {
  directory: string
  name: string
  /** Bindings, limits and environment as its manifest gives them; it is granted what it binds. */
  settings: Pick<ActorImage, 'limits' | 'environment'> & { bindings: readonly Binding[] }
  onEvent(event: DevelopEvent): void
  /** 0 for any free one. */
  port?: number
}

/** An actor that runs here, and is built and swapped in anew whenever a file of it changes. */
export interface Development extends AsyncDisposable {
  /** `POST <url>/<operation>` calls it. */
  readonly url: string
  /** @throws HostError, whose text points at source lines where it can */
  call(operation: string, payload: Uint8Array): Promise<CallResult>
}

const DEBOUNCE_MS = 30
/** Of a call, unless the manifest says otherwise: the machine may be compiling meanwhile. */
const DEADLINE_MS = 10_000
/** A node is given up sooner than a machine that somebody works on. */
const PATIENT = { startMs: 60_000, loadMs: 60_000, transpileMs: 60_000 }
const BODY_BYTES = 1 << 20

/** Builds, loads and serves the actor of a directory until disposed. A build that fails is told; the version before goes on. */
export async function developActor(options: DevelopOptions): Promise<Development> {
  await using parts = new AsyncDisposableStack()
  const grants = options.settings.bindings.map(({ capability }) => capability)
  const providers = parts.use(await openLocalProviders(join(options.directory, '.teapot-dev'), grants))
  const host = parts.use(await openHost(providers.invoke, (text) => development.log(text)))
  const development: Developed = new Developed(options, host)
  parts.defer(() => development.stop())
  await development.start(options.port ?? 0)
  const owned = parts.move()
  return {
    url: development.url,
    call: (operation, payload) => development.call(operation, payload),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function openHost(invoke: CapabilityBroker, log: (text: string) => void): Promise<Host> {
  const parts = { nodePath: process.execPath, ...SOURCE_ENTRIES, limits: PATIENT }
  return createHost({ ...parts, invoke, onLog: ({ text }) => log(text) })
}

class Developed {
  readonly #options: DevelopOptions
  readonly #host: Host
  readonly #server: Server
  readonly #stopped = new AbortController()
  #version = 0
  #built: BuiltActor | undefined
  #building: Promise<void> | undefined
  #changed = false

  constructor(options: DevelopOptions, host: Host) {
    this.#options = options
    this.#host = host
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async start(port: number): Promise<void> {
    const { directory } = this.#options
    let timer: NodeJS.Timeout | undefined
    watch(directory, { recursive: true, signal: this.#stopped.signal }, (_, file) => {
      if (file === null || /(^|\/)(node_modules|\.[^/]*)(\/|$)|\.wasm(\.map)?$/.test(file)) return
      clearTimeout(timer)
      timer = setTimeout(() => this.#change(), DEBOUNCE_MS)
    })
    // After the watch has begun: what changes under the first build is built after it.
    this.#change()
    await this.#building
    this.#server.listen(port, '127.0.0.1')
    await new Promise((resolve, reject) => this.#server.once('listening', resolve).once('error', reject))
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#server.close()
    this.#server.closeAllConnections()
    await this.#building
  }

  log(text: string): void {
    this.#options.onEvent({ type: 'log', text: this.#explain(text) })
  }

  async call(operation: string, payload: Uint8Array): Promise<CallResult> {
    const { name, settings } = this.#options
    const deadlineMs = settings.limits?.deadlineMs ?? DEADLINE_MS
    try {
      return await this.#host.call({ actor: name, operation, payload, deadlineMs })
    } catch (error) {
      if (error instanceof HostError) error.message = this.#explain(error.message)
      throw error
    }
  }

  #explain(text: string): string {
    const { directory, settings } = this.#options
    return explain(text, this.#built, directory, { ...DEFAULT_LIMITS, ...settings.limits })
  }

  /** One build at a time; what changes meanwhile is built after it. */
  #change(): void {
    if (this.#stopped.signal.aborted) return
    if (this.#building !== undefined) this.#changed = true
    else {
      this.#building = this.#rebuild().finally(() => {
        this.#building = undefined
        if (!this.#changed) return
        this.#changed = false
        this.#change()
      })
    }
  }

  async #rebuild(): Promise<void> {
    const { directory, name, settings, onEvent } = this.#options
    const startedAt = performance.now()
    try {
      const built = await buildActor(directory)
      const builtAt = performance.now()
      const version = this.#version + 1
      await this.#host.load({
        name,
        publisher: 'dev',
        version,
        digest: `dev-${version}`,
        bytes: built.wasm,
        ...settings,
        grants: [...new Set(settings.bindings.map(({ capability }) => capability))],
      })
      this.#version = version
      this.#built = built
      const [buildMs, loadMs] = [builtAt - startedAt, performance.now() - builtAt].map(Math.round) as [number, number]
      onEvent({ type: 'loaded', version, sizeBytes: built.wasm.length, buildMs, loadMs })
    } catch (error) {
      onEvent({ type: 'failed', message: (error as Error).message })
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, body: Uint8Array | string) => {
      response.writeHead(status, {
        'content-type': typeof body === 'string' ? 'application/json' : 'application/octet-stream',
      })
      response.end(body)
    }
    if (isForeign(request)) {
      const message = 'Expected a POST of a program of this machine, found another request, such as a web page sends'
      return send(403, JSON.stringify({ code: 'actors/foreign-request', message }))
    }
    try {
      const chunks: Buffer[] = []
      let length = 0
      for await (const chunk of request) {
        length += chunk.length
        if (length > BODY_BYTES)
          return send(
            413,
            JSON.stringify({ code: 'host/payload-too-large', message: `Expected at most ${BODY_BYTES} bytes` }),
          )
        chunks.push(chunk)
      }
      const operation = decodeURIComponent(new URL(request.url ?? '/', this.url).pathname.slice(1))
      send(200, (await this.call(operation, Buffer.concat(chunks))).payload)
    } catch (error) {
      const { code, message } = error as HostError
      send(422, JSON.stringify({ code, message }))
    }
  }
}

/** Whatever page a browser shows can have it send requests here, and reach this machine by a name of its own. */
function isForeign({ method, headers: { origin, host = '' } }: IncomingMessage): boolean {
  return method !== 'POST' || origin !== undefined || !/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host)
}
