import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { TeapotError } from '@teapot-network/trust'
import { bootId, processStat } from './proc.ts'

interface Holder {
  pid: number
  startTicks: number
  boot: string
}

/**
 * Takes a devnet's folder for this process. A lock whose holder is gone is taken over.
 *
 * @throws TeapotError `devnet/already-running` while another devnet holds the folder
 */
export function takeLock(file: string): Disposable {
  const mine: Holder = { pid: process.pid, startTicks: processStat(process.pid)?.startTicks ?? 0, boot: bootId() }
  // Written aside, then linked: the lock appears whole or not at all, and only one of two that try can make it.
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, JSON.stringify(mine))
  try {
    for (let attempt = 0; !tryLink(draft, file); attempt++) {
      const holder = readHolder(file)
      if (attempt > 2 || (holder && isAlive(holder))) throw alreadyRunning(file, holder)
      rmSync(file, { force: true })
    }
  } finally {
    rmSync(draft, { force: true })
  }
  return {
    [Symbol.dispose]() {
      if (readHolder(file)?.pid === process.pid) rmSync(file, { force: true })
    },
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.boot !== bootId()) return false
  const now = processStat(holder.pid)
  return now?.startTicks === holder.startTicks && !now.zombie
}

function alreadyRunning(file: string, holder: Holder | undefined): TeapotError {
  return new TeapotError(
    'devnet/already-running',
    `Expected no other devnet in this folder, found one with pid ${holder?.pid ?? 'unknown'} (${file}). ` +
      `Stop it with Ctrl-C in its terminal${holder ? ` or \`kill ${holder.pid}\`` : ''}, or start this one with --folder elsewhere.`,
  )
}
