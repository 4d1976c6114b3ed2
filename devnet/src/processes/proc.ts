import { readdirSync, readFileSync } from 'node:fs'

/** What tells one process from a later one with the same pid. Linux only: elsewhere nothing is ever found. */
export interface ProcessStat {
  pid: number
  /** Its session: a process that we start leads one of its own. */
  session: number
  /** Clock ticks after boot at which it started (proc(5), stat field 22). */
  startTicks: number
  /** A dead process whose parent has not collected it yet. */
  zombie: boolean
}

/** Set in the environment of everything that a devnet starts; its value is the devnet's folder. */
export const FOLDER_VARIABLE = 'TEAPOT_DEVNET'

/** Reads `/proc/<pid>/stat`; undefined when there is no such process. */
export function processStat(pid: number): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The second field is the program's name in brackets, and may hold blanks and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { pid, session: Number(fields[3]), startTicks: Number(fields[19]), zombie: fields[0] === 'Z' }
}

/** Every process that runs now. */
export function listProcesses(): ProcessStat[] {
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return []
  }
  return names.filter((name) => /^\d+$/.test(name)).flatMap((name) => processStat(Number(name)) ?? [])
}

/** Whether a process was started, directly or not, by the devnet of `folder`: its environment tells. */
export function belongsToFolder(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${FOLDER_VARIABLE}=${folder}`)
  } catch {
    return false
  }
}

/** This boot of the machine: pids and start ticks mean nothing in another. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
