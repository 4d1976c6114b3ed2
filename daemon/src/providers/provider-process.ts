import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { createFrameReader, FrameError, FrameWriter, parseNamed, sendNamed } from '@teapot-network/host/frames'
import { TeapotError } from '@teapot-network/trust'
import { ProviderFrame, type ProviderLimits } from './protocol.ts'
import type { ProviderCall } from './provider.ts'

/** How a provider process is started. */
export interface ProviderLaunch {
  readonly nodePath: string
  /** The bundled `provider.mjs`. */
  readonly providerEntry: string
  readonly modulePath: string
  readonly dataDirectory: string
  /** Its own grants; `node:sqlite` is the only one there is yet. */
  readonly grants: readonly string[]
}

/** What a provider said it serves. */
export interface Service {
  readonly capability: string
  readonly operations: ReadonlySet<string>
}

interface Pending {
  readonly resolve: (answer: Buffer) => void
  readonly reject: (error: unknown) => void
  readonly timer: NodeJS.Timeout
}

/**
 * One run of a provider module in a process of its own: an empty environment, no network, no child processes, nothing
 * written outside of its data directory (spec/host.md §6). Calls under way when it ends fail with `provider/lost`: nobody
 * can tell whether they had their effect.
 */
export class ProviderProcess {
  readonly ready: Promise<Service>
  readonly exited: Promise<void>
  /** Called once, as soon as it was killed or has exited. */
  onGone: ((reason: string) => void) | undefined
  readonly #child: ChildProcess
  readonly #writer: FrameWriter
  readonly #limits: ProviderLimits
  readonly #pending = new Map<number, Pending>()
  #output = ''
  #nextId = 0
  #heardAt = performance.now()
  #gone = false

  constructor(launch: ProviderLaunch, limits: ProviderLimits) {
    this.#limits = limits
    this.#child = spawn(launch.nodePath, commandLine(launch, limits), {
      cwd: launch.dataDirectory,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    const pipe = this.#child.stdio[3] as Socket
    this.#writer = new FrameWriter((chunk) => pipe.write(chunk))
    const ready = Promise.withResolvers<Service>()
    const exited = Promise.withResolvers<void>()
    ready.promise.catch(() => {})
    this.ready = ready.promise
    this.exited = exited.promise
    const timer = setTimeout(() => this.kill(), limits.startMs)
    const read = createFrameReader(limits.responseBytes + limits.textBytes, (type, id, body) => {
      this.#heardAt = performance.now()
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
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Calls under way. */
  get active(): number {
    return this.#pending.size
  }

  /** Sends one call. @throws TeapotError as the provider answered, `provider/lost`, `provider/deadline`, `provider/bad-frame` */
  call({ actor, binding, operation, payload }: ProviderCall, signal: AbortSignal | undefined): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    this.#nextId = (this.#nextId + 1) % 0xffff_ffff
    const id = this.#nextId
    const sentAt = performance.now()
    const timer = setTimeout(() => {
      this.#take(id)
      reject(
        new TeapotError(
          'provider/deadline',
          `Expected ${operation} to end within ${this.#limits.callMs} ms, found no answer`,
          {
            kind: 'unavailable',
          },
        ),
      )
      if (this.#heardAt < sentAt) this.kill()
    }, this.#limits.callMs)
    this.#pending.set(id, { resolve, reject, timer })
    const abandon = () => {
      if (this.#take(id)) reject(signal?.reason)
    }
    signal?.addEventListener('abort', abandon, { once: true })
    const names = [actor, binding, operation].map((name) => Buffer.from(name))
    sendNamed(this.#writer, ProviderFrame.call, id, names, payload)
    return promise.finally(() => signal?.removeEventListener('abort', abandon))
  }

  /** Lets it end the calls under way, for so long at most. */
  async close(withinMs: number): Promise<void> {
    this.onGone = undefined
    this.#writer.send(ProviderFrame.close, 0, new Uint8Array(0))
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
    const { names, payload } = parseNamed(body, 1, this.#limits)
    const kind = names[0] === 'provider/failed' ? 'fault' : 'refused'
    this.#take(id)?.reject(new TeapotError(names[0]!, payload.toString(), { kind }))
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

function parseReady(body: Buffer, limits: ProviderLimits): Service {
  const { names, payload } = parseNamed(body, 1, limits)
  return { capability: names[0]!, operations: new Set(payload.toString().split('\n')) }
}

function commandLine(launch: ProviderLaunch, limits: ProviderLimits): string[] {
  const readable = [launch.providerEntry, launch.modulePath, launch.dataDirectory]
  return [
    '--permission',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    `--allow-fs-write=${launch.dataDirectory}`,
    '--disable-sigusr1',
    '--disable-proto=throw',
    '--disallow-code-generation-from-strings',
    // SQLite opens files past the permission model, so only a provider that was granted it gets it.
    ...(launch.grants.includes('node:sqlite') ? [] : ['--no-experimental-sqlite']),
    '--no-experimental-webstorage',
    '--no-experimental-ffi',
    `--max-old-space-size=${limits.heapMegabytes}`,
    '--max-semi-space-size=4',
    launch.providerEntry,
    launch.modulePath,
    launch.dataDirectory,
  ]
}
