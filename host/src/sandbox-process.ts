import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { createFrameReader, FrameError, type FrameHandler, FrameWriter } from './frames.ts'
import { HostError } from './host-error.ts'
import type { HostLimits } from './limits.ts'
import { FrameType, FUEL_BYTES, type SandboxLimits } from './messages.ts'
import type { SandboxCode } from './sandbox-code.ts'

/** Uids for sandboxes: the upper part of what systemd keeps for dynamic users, so that nobody else has them. */
const FIRST_UID = 62_000
const UIDS = 3_000
const takenUids = new Set<number>()

/** Why a sandbox is gone: how it ended, and what it said. */
export interface Loss {
  /** Set when it was killed for breaking the framing. */
  readonly frameError: FrameError | undefined
  readonly text: string
}

/**
 * One sandbox child, from spawn to exit. It has an empty environment, may read its own code and nothing else, and may not
 * write, connect, spawn, load addons, use workers, WASI or SQLite (spec/host.md §2).
 */
export class SandboxProcess {
  readonly writer: FrameWriter
  /** Handles of the modules sent to it. */
  readonly loaded = new Set<number>()
  /** Gets its frames; before it is set none but `ready` may come. A FrameError thrown here kills the sandbox. */
  onFrame: FrameHandler | undefined
  /** Called once, when it has exited or was killed. */
  onLost: ((loss: Loss) => void) | undefined
  readonly ready: Promise<void>
  readonly exited: Promise<void>
  readonly #child: ChildProcess
  readonly #limits: HostLimits
  #output = ''
  #frameError: FrameError | undefined
  #gone = false

  constructor(code: SandboxCode, limits: HostLimits) {
    this.#limits = limits
    const uid = code.isolation === 'user' ? takeUid() : undefined
    const [command, ...args] = commandLine(code, limits, uid)
    this.#child = spawn(command!, args, {
      cwd: code.directory,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    const pipe = this.#child.stdio[3] as Socket
    this.writer = new FrameWriter((chunk) => {
      if (!this.#gone) pipe.write(chunk)
    })
    const ready = Promise.withResolvers<void>()
    ready.promise.catch(() => {})
    this.ready = ready.promise
    const startTimer = setTimeout(() => this.kill(), limits.startMs)
    const handle: FrameHandler = (type, id, body) => {
      if (type === FrameType.ready) {
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
      if (uid !== undefined) takenUids.delete(uid)
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
    return this.#child.pid
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

function takeUid(): number {
  for (let tries = 0; ; tries++) {
    const uid = FIRST_UID + Math.floor(Math.random() * UIDS)
    if (takenUids.has(uid) && tries < UIDS) continue
    takenUids.add(uid)
    return uid
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

function commandLine(code: SandboxCode, limits: HostLimits, uid: number | undefined): string[] {
  const told: SandboxLimits = { nameBytes: limits.nameBytes, textBytes: limits.textBytes }
  const node = [
    code.nodePath,
    '--permission',
    `--allow-fs-read=${code.directory}`,
    '--disable-sigusr1',
    '--disable-proto=throw',
    '--disallow-code-generation-from-strings',
    // node:sqlite opens files past the permission model (measured with Node 26.10).
    '--no-experimental-sqlite',
    '--no-experimental-webstorage',
    '--no-experimental-ffi',
    '--no-experimental-websocket',
    `--wasm-max-mem-pages=${limits.memoryPages}`,
    `--max-old-space-size=${limits.heapMegabytes}`,
    // Halves what a busy sandbox holds, at no measurable cost.
    '--max-semi-space-size=4',
    // V8 keeps 4 MB of stacks of suspended calls for reuse; beyond that each call maps a new one, at twice the cost.
    `--wasm-stack-switching-stack-size=${limits.waitingStackKilobytes}`,
    code.entry,
    JSON.stringify(told),
  ]
  if (code.setpriv === undefined) return node
  // A sandbox that spins does not notice that its host is gone: the kernel ends it.
  const drop = [code.setpriv, '--pdeathsig=KILL', '--no-new-privs']
  if (uid === undefined) return [...drop, ...node]
  return [
    ...drop,
    `--reuid=${uid}`,
    `--regid=${uid}`,
    '--clear-groups',
    '--bounding-set=-all',
    '--inh-caps=-all',
    ...node,
  ]
}
