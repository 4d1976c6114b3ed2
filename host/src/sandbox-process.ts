import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { ConfinedProgram, Confinement } from './confinement/confined-program.ts'
import { createFrameReader, FrameError, type FrameHandler, FrameWriter } from './frames.ts'
import { HostError } from './host-error.ts'
import type { HostLimits, SandboxLimits } from './limits.ts'
import { FrameType, FUEL_BYTES } from './messages.ts'
import type { SandboxCode } from './sandbox-code.ts'

/** What a sandbox may write to stdout and stderr in its life; honest ones write next to nothing. */
const OUTPUT_BYTES = 1 << 20

/** Why a sandbox is gone: how it ended, and what it said. */
export interface Loss {
  /** Set when it was killed for breaking the framing. */
  readonly frameError: FrameError | undefined
  readonly text: string
}

/** One sandbox child, from spawn to exit: it has one pipe and may read its own code, and nothing else (spec/host.md §2). */
export class SandboxProcess {
  readonly writer: FrameWriter
  /** Gets its frames; before it is set none but `ready` may come. A FrameError thrown here kills the sandbox. */
  onFrame: FrameHandler | undefined
  /** Called once, when it has exited or was killed. */
  onLost: ((loss: Loss) => void) | undefined
  readonly ready: Promise<void>
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  readonly #confinement: Confinement
  readonly #limits: HostLimits
  #output = ''
  #outputBytes = 0
  #frameError: FrameError | undefined
  #gone = false

  /** Starts it. @throws HostError `host/sandbox-lost` when the machine refuses to start a process */
  constructor(code: SandboxCode, limits: HostLimits) {
    this.#limits = limits
    this.#confinement = code.confinement
    this.#child = code.confinement.spawn(programOf(code, limits))
    const pipe = this.#child.stdio[3] as Socket
    this.writer = new FrameWriter((chunk) => {
      if (!this.#gone) pipe.write(chunk)
    })
    const ready = Promise.withResolvers<void>()
    ready.promise.catch(() => {})
    this.ready = ready.promise
    const startTimer = setTimeout(() => this.kill(), limits.startMs)
    let isReady = false
    const handle: FrameHandler = (type, id, body) => {
      if (type === FrameType.ready && !isReady) {
        isReady = true
        clearTimeout(startTimer)
        ready.resolve()
      } else if (this.onFrame === undefined) throw new FrameError(`Expected no frame before a call, found type ${type}`)
      else this.onFrame(type, id, body)
    }
    const read = createFrameReader(frameLimit(limits), handle)
    pipe.on('data', (chunk: Buffer) => this.#read(read, chunk))
    pipe.on('error', () => this.kill())
    for (const output of [this.#child.stdout, this.#child.stderr])
      output?.on('data', (chunk: Buffer) => this.#keepOutput(chunk)).on('error', () => {})
    const exited = Promise.withResolvers<void>()
    this.exited = exited.promise
    const end = (how: string) => {
      clearTimeout(startTimer)
      this.#lose(how)
      ready.reject(this.#lossError())
      exited.resolve()
    }
    this.#child.on('exit', (exitCode, signal) => end(signal ?? `exit code ${exitCode}`))
    this.#child.on('error', (error) => end(error.message))
  }

  /** It was killed or has exited. */
  get gone(): boolean {
    return this.#gone
  }

  get pid(): number | undefined {
    return this.#confinement.pidOf(this.#child)
  }

  /** Ends it at once. What it was doing is lost; `onLost` is called before this returns. */
  kill(): void {
    this.#child.kill('SIGKILL')
    this.#lose('killed')
  }

  #read(read: (chunk: Buffer) => void, chunk: Buffer): void {
    if (this.#gone) return
    try {
      read(chunk)
    } catch (error) {
      if (!(error instanceof FrameError) && !(error instanceof RangeError)) throw error
      this.#frameError = error instanceof FrameError ? error : new FrameError(error.message, { cause: error })
      this.kill()
    }
  }

  #keepOutput(chunk: Buffer): void {
    this.#output = (this.#output + chunk.toString('utf8')).slice(-this.#limits.textBytes)
    this.#outputBytes += chunk.length
    if (this.#outputBytes > OUTPUT_BYTES && !this.#gone) this.kill()
  }

  #lose(how: string): void {
    if (this.#gone) return
    this.#gone = true
    this.onLost?.({ frameError: this.#frameError, text: `${how}${this.#output === '' ? '' : `: ${this.#output}`}` })
  }

  #lossError(): HostError {
    return new HostError('host/sandbox-lost', `Expected a sandbox that starts, found one that ended: ${this.#output}`, {
      kind: 'unavailable',
    })
  }
}

/** The largest frame that an honest sandbox sends: a response, a capability call with its three names, or a text. */
function frameLimit(limits: HostLimits): number {
  return Math.max(
    FUEL_BYTES + limits.responseBytes,
    limits.payloadBytes + 3 * (2 + limits.nameBytes),
    FUEL_BYTES + 1 + 3 * limits.textBytes,
    limits.traceBytes,
    // What is prepared may be somewhat larger than what was published.
    2 * limits.moduleBytes,
  )
}

function programOf(code: SandboxCode, limits: HostLimits): ConfinedProgram {
  const told: SandboxLimits = {
    nameBytes: limits.nameBytes,
    textBytes: limits.textBytes,
    awakeMicros: limits.awakeMicros,
  }
  return {
    entry: code.entry,
    args: [JSON.stringify(told)],
    read: [code.directory],
    cwd: code.directory,
    memoryMegabytes: limits.sandboxMegabytes,
    nodeFlags: [
      `--wasm-max-mem-pages=${limits.memoryPages}`,
      `--max-old-space-size=${limits.heapMegabytes}`,
      // Halves what a busy sandbox holds, at no measurable cost.
      '--max-semi-space-size=4',
      // V8 keeps 4 MB of stacks of suspended calls for reuse; beyond that each call maps a new one, at twice the cost.
      `--wasm-stack-switching-stack-size=${limits.waitingStackKilobytes}`,
    ],
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  }
}
