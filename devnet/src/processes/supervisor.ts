import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { TeapotError } from '@teapot-network/trust'
import type { DevnetPaths } from '../paths.ts'
import { FOLDER_VARIABLE } from './proc.ts'
import { ProcessRecords } from './record.ts'

/** How to start a process, and how to tell that it is ready. */
export interface ProcessSpec<Ready> {
  /** Names its log file and its errors; may be used again once the process has ended. */
  name: string
  command: string
  args: string[]
  cwd?: string
  /** Added to our own environment. */
  env?: Record<string, string>
  /** Layers stop from the highest down, each whole before the next: the chain is 0. */
  layer: number
  /** Looks at each line of stdout; the first value other than undefined is what {@link ManagedProcess.ready} holds. */
  ready(line: string): Ready | undefined
  readyTimeoutMs?: number
  /** From SIGTERM to SIGKILL. */
  stopTimeoutMs?: number
  signal?: AbortSignal
}

/** A process that is up. */
export interface ManagedProcess<Ready> {
  readonly name: string
  readonly pid: number
  /** What {@link ProcessSpec.ready} made of the line that said so. */
  readonly ready: Ready
  /** Its log: stdout and stderr together. */
  readonly logFile: string
  /** Settles when it has ended, as text: `exit code 1`, `SIGKILL`. Never rejects. */
  readonly ended: Promise<string>
  /** SIGTERM, then after a while SIGKILL, to it and whatever it started. Settles when all are gone. */
  stop(): Promise<void>
  /** SIGKILL at once, to it and whatever it started. */
  kill(): Promise<void>
}

/** A process that runs already. */
export interface Adopted {
  name: string
  pid: number
  layer: number
  /** Settles when it has ended. */
  ended: Promise<unknown>
  stopTimeoutMs?: number
}

interface Running {
  layer: number
  stop(): Promise<void>
}

/**
 * Starts and stops the processes of a devnet. Each leads a session of its own (so a Ctrl-C in the terminal reaches only us), logs
 * to a file of its own, and stands in the records until it is gone. A sentinel stops them all when this process dies.
 */
export class Supervisor implements AsyncDisposable {
  readonly #paths: DevnetPaths
  readonly #records: ProcessRecords
  readonly #running = new Set<Running>()
  readonly #sentinel: ChildProcess

  constructor(paths: DevnetPaths) {
    this.#paths = paths
    this.#records = new ProcessRecords(paths.processes)
    this.#sentinel = spawn(
      process.execPath,
      [fileURLToPath(new URL('sentinel.ts', import.meta.url)), paths.folder, paths.processes],
      { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env: this.#environment() },
    )
    this.#sentinel.unref()
  }

  /**
   * Starts a process and waits until it says that it is ready.
   *
   * @throws TeapotError `devnet/process-failed` when it ends or stays silent instead; the message ends with its last lines
   */
  async start<Ready>(spec: ProcessSpec<Ready>): Promise<ManagedProcess<Ready>> {
    spec.signal?.throwIfAborted()
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd ?? this.#paths.folder,
      env: this.#environment(spec.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const output = new Output(join(this.#paths.logs, `${spec.name}.log`), child)
    const ended = untilEnded(child)
    const pid = child.pid
    if (pid === undefined) throw processFailed(spec.name, await ended, output)
    const { stop, kill } = this.adopt({ ...spec, pid, ended })
    const outcome = await untilReady(output, spec, ended)
    if ('failure' in outcome) {
      await stop()
      spec.signal?.throwIfAborted()
      throw processFailed(spec.name, outcome.failure, output)
    }
    return { name: spec.name, pid, ready: outcome.ready, logFile: output.file, ended, stop, kill }
  }

  /** Takes on a process that another part started, as the leader of a session of its own. */
  adopt({ name, pid, layer, ended, stopTimeoutMs = 5_000 }: Adopted): Pick<ManagedProcess<never>, 'stop' | 'kill'> {
    const running: Running = {
      layer,
      async stop() {
        sendSignal(pid, 'SIGTERM')
        const timer = setTimeout(() => sendSignal(-pid, 'SIGKILL'), stopTimeoutMs)
        await ended
        clearTimeout(timer)
      },
    }
    this.#records.add(name, pid)
    this.#running.add(running)
    void ended.then(() => {
      // Nothing that it started outlives it.
      sendSignal(-pid, 'SIGKILL')
      this.#running.delete(running)
      this.#records.remove(pid)
    })
    const kill = async () => {
      sendSignal(-pid, 'SIGKILL')
      await ended
    }
    return { stop: running.stop, kill }
  }

  /** Stops everything, the highest layer first. */
  async [Symbol.asyncDispose](): Promise<void> {
    const layers = new Set([...this.#running].map(({ layer }) => layer))
    for (const layer of [...layers].sort((a, b) => b - a)) {
      await Promise.all([...this.#running].filter((process) => process.layer === layer).map(({ stop }) => stop()))
    }
    this.#sentinel.stdin?.end()
  }

  #environment(added: Record<string, string> = {}): NodeJS.ProcessEnv {
    return { ...process.env, ...added, [FOLDER_VARIABLE]: this.#paths.folder }
  }
}

/** Appends both outputs to the log, shows each line of stdout to `onLine`, and remembers the last ones for an error's message. */
class Output {
  readonly file: string
  readonly lastLines: string[] = []
  onLine: (line: string) => void = () => {}

  constructor(file: string, child: ChildProcess) {
    this.file = file
    const log = createWriteStream(file, { flags: 'a' })
    log.on('error', () => {
      // A full disk must not take down the network: the lines are lost, the processes go on.
    })
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream! }).on('line', (line) => {
        log.write(`${line}\n`)
        if (this.lastLines.push(line) > 12) this.lastLines.shift()
        if (stream === child.stdout) this.onLine(line)
      })
    }
    child.on('close', () => log.end())
  }
}

function untilEnded(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
}

function untilReady<Ready>(
  output: Output,
  { ready, readyTimeoutMs = 120_000, signal }: ProcessSpec<Ready>,
  ended: Promise<string>,
): Promise<{ ready: Ready } | { failure: string }> {
  return new Promise((resolve) => {
    const settle = (outcome: { ready: Ready } | { failure: string }) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      output.onLine = () => {}
      resolve(outcome)
    }
    const timer = setTimeout(() => settle({ failure: `no sign of readiness in ${readyTimeoutMs} ms` }), readyTimeoutMs)
    const onAbort = () => settle({ failure: 'called off' })
    signal?.addEventListener('abort', onAbort)
    output.onLine = (line) => {
      const value = ready(line)
      if (value !== undefined) settle({ ready: value })
    }
    void ended.then((how) => settle({ failure: how }))
  })
}

function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}

function processFailed(name: string, how: string, { file, lastLines }: Output): TeapotError {
  const tail = lastLines.map((line) => `\n  | ${line}`).join('')
  return new TeapotError(
    'devnet/process-failed',
    `Expected ${name} to become ready, found: ${how}. Its log is ${file}${tail ? `, and ends:${tail}` : '.'}`,
    { kind: 'unavailable' },
  )
}
