import { readFileSync } from 'node:fs'
import { replaceFile } from '../write-file.ts'
import { bootId, processStat } from './proc.ts'

/** A process that a devnet started, told apart from a later one with its pid by the ticks at which it began. */
export interface ProcessRecord {
  name: string
  pid: number
  startTicks: number
}

/** Reads the processes that stand in `file`: none when it is absent, unreadable or of another boot of this machine. */
export function readRecords(file: string): ProcessRecord[] {
  try {
    const { boot, processes } = JSON.parse(readFileSync(file, 'utf8'))
    return boot === bootId() ? processes : []
  } catch {
    return []
  }
}

/** The list on disk of what runs, so that whoever cleans up after a crash knows whom to stop. */
export class ProcessRecords {
  readonly #file: string
  readonly #live = new Map<number, ProcessRecord>()

  constructor(file: string) {
    this.#file = file
    this.#write()
  }

  add(name: string, pid: number): void {
    this.#live.set(pid, { name, pid, startTicks: processStat(pid)?.startTicks ?? 0 })
    this.#write()
  }

  remove(pid: number): void {
    if (this.#live.delete(pid)) this.#write()
  }

  #write(): void {
    replaceFile(this.#file, `${JSON.stringify({ boot: bootId(), processes: [...this.#live.values()] }, null, 1)}\n`)
  }
}
