import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Confinement } from '../confinement/confined-program.ts'
import { createFrameReader, FrameError, FrameWriter } from '../frames.ts'
import { HostError } from '../host-error.ts'
import type { HostLimits } from '../limits.ts'
import type { PrepareSettings } from '../wasm/prepare-module.ts'
import { encodeRequest, TranspilerFrame } from './protocol.ts'
import type { TranspilerCode } from './transpiler-code.ts'

/** Megabytes that a transpiler may hold: the generator's compiled code, and what it makes of the largest component. */
const MEMORY_MEGABYTES = 1_024
/** Of it, the generator's own memory, in pages of 64 KiB. */
const GENERATOR_PAGES = 6_144
const REFUSAL = /^(bad-module|forbidden-import): (.*)$/s

/** One transpiler, from its start to its only answer. */
export class TranspilerProcess {
  readonly #child: ChildProcess
  readonly #limits: HostLimits
  readonly #answer = Promise.withResolvers<Uint8Array>()
  #output = ''
  /** It has ended, or was killed. */
  gone = false

  constructor(confinement: Confinement, code: TranspilerCode, limits: HostLimits) {
    this.#limits = limits
    this.#answer.promise.catch(() => {})
    this.#child = confinement.spawn({
      ...code,
      nodeFlags: [`--wasm-max-mem-pages=${GENERATOR_PAGES}`],
      memoryMegabytes: MEMORY_MEGABYTES,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    this.#listen()
  }

  /** Lets it get ready for a component that is not there yet. */
  warmUp(): void {
    this.#send(TranspilerFrame.warmUp, new Uint8Array(0))
  }

  /**
   * Sends it its component. To be called once.
   * @throws HostError `host/bad-module`, `host/forbidden-import` with its reason, `host/deadline`, `host/sandbox-lost`
   * @throws the signal's reason when it is aborted
   */
  async transpile(
    component: Uint8Array,
    settings: PrepareSettings,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const { transpileMs } = this.#limits
    const late = `Expected a component that is transpiled within ${transpileMs} ms, found one that takes longer`
    const timer = setTimeout(() => this.#answer.reject(new HostError('host/deadline', late)), transpileMs)
    const abort = () => this.#answer.reject(signal?.reason)
    signal?.addEventListener('abort', abort)
    this.#send(TranspilerFrame.component, encodeRequest(component, settings))
    try {
      return await this.#answer.promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      this.kill()
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #send(type: number, body: Uint8Array): void {
    const writer = new FrameWriter((chunk) => this.#pipe.write(chunk))
    writer.send(type, 0, body)
    writer.flush()
  }

  get #pipe(): Socket {
    return this.#child.stdio[3] as Socket
  }

  /** Waits for the one frame. Whatever else it does is no answer. */
  #listen(): void {
    const { bundleBytes, textBytes } = this.#limits
    const read = createFrameReader(bundleBytes, (type, _id, body) => {
      if (type === TranspilerFrame.bundle) this.#answer.resolve(body)
      else this.#answer.reject(refusalOf(body.toString('utf8', 0, textBytes)))
    })
    this.#pipe
      .on('data', (chunk: Buffer) => {
        try {
          read(chunk)
        } catch (error) {
          if (!(error instanceof FrameError)) throw error
          const large = `Expected a component whose bundle has at most ${bundleBytes} bytes, found a larger one`
          this.#answer.reject(new HostError('host/bad-module', large, { cause: error }))
        }
      })
      .on('error', () => {})
    for (const output of [this.#child.stdout, this.#child.stderr])
      output
        ?.on('data', (chunk: Buffer) => {
          this.#output = (this.#output + chunk.toString()).slice(-textBytes)
        })
        .on('error', () => {})
    this.#child.on('exit', (code, signal) => this.#lose(signal ?? `exit code ${code}`))
    this.#child.on('error', (error) => this.#lose(error.message))
  }

  #lose(how: string): void {
    this.gone = true
    const text = `Expected a bundle from the transpiler, found that it ended (${how}): ${this.#output}`
    this.#answer.reject(new HostError('host/sandbox-lost', text, { kind: 'unavailable' }))
  }
}

function refusalOf(text: string): HostError {
  const [, failure = 'bad-module', reason = text] = REFUSAL.exec(text) ?? []
  return new HostError(`host/${failure}`, reason)
}
