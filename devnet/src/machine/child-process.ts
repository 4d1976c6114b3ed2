import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where programs are looked for: the whole environment of what a machine runs. */
export const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }

/** A process and how it ended. */
export interface OwnedProcess {
  readonly child: ChildProcess
  readonly pid: number
  /** Settles when it is gone, as text: `exit code 1`, `SIGKILL`. Never rejects. */
  readonly ended: Promise<string>
  /** Asks it to end, and after a while makes it. */
  stop(patienceMs: number): Promise<void>
}

/** Starts a process that cannot outlive us: where util-linux's setpriv is, the kernel sends it `deathSignal` when we die. */
export function own(
  command: string,
  args: readonly string[],
  deathSignal: 'KILL' | 'TERM',
  options: SpawnOptions,
): OwnedProcess {
  const setpriv = findProgram('setpriv')
  const line = setpriv ? [setpriv, '--pdeathsig', deathSignal, '--', command, ...args] : [command, ...args]
  const child = spawn(line[0]!, line.slice(1), { env: ENVIRONMENT, ...options })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  return {
    child,
    pid: child.pid ?? 0,
    ended,
    stop: async (patienceMs) => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
      await ended
      clearTimeout(timer)
    },
  }
}

function findProgram(name: string): string | undefined {
  return ENVIRONMENT.PATH.split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
