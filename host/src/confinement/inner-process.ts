import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** How often, and after how many milliseconds each, it is looked whether bwrap has started its program. */
const TRIES = 30_000
const PAUSE_MS = 1

/** The process that runs bwrap's program, as this machine numbers it; undefined before there is one, and when it has ended. */
export function innerPid(child: ChildProcess): number | undefined {
  const first = firstPid(child)
  return first === undefined ? undefined : onlyChildOf(first)
}

/** Process 1 of the namespace that bwrap made. */
function firstPid({ pid, exitCode, signalCode }: ChildProcess): number | undefined {
  return pid === undefined || exitCode !== null || signalCode !== null ? undefined : onlyChildOf(pid)
}

function onlyChildOf(pid: number): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    return first ? Number(first) : undefined
  } catch {
    return undefined
  }
}

/**
 * Lets `kill` end the namespace that bwrap made, with all in it: bwrap then ends by itself, so that `exit` comes when the program
 * has ended. Ending bwrap would leave that to the kernel's signal to orphans, which does nothing while bwrap is starting.
 */
export function killInside(child: ChildProcess): void {
  const killOuter = child.kill.bind(child)
  const kill = (signal: NodeJS.Signals | number | undefined, tries: number): boolean => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false
    const first = firstPid(child)
    if (first !== undefined) return signalTo(first, signal)
    if (tries === 0) return killOuter(signal)
    setTimeout(kill, PAUSE_MS, signal, tries - 1)
    return true
  }
  // Process 1 hears no signal from outside but this one.
  child.kill = (signal) => kill(signal === 0 ? 0 : 'SIGKILL', TRIES)
}

function signalTo(pid: number, signal: NodeJS.Signals | number | undefined): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
