import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TeapotError } from '@teapot-network/trust'

const held = new Set<string>()

/**
 * Keeps a second process (or a second log of this one) out of a folder: two writers would sign different checkpoints under
 * one sequence number. A lock whose process is gone is taken over.
 * @throws TeapotError `receipts/log-in-use`
 */
export function lockFolder(dir: string): Disposable {
  const path = join(dir, 'lock')
  const own = `${process.pid} ${startOf(process.pid)}`
  const holder = readLock(path)
  if (held.has(path) || (holder !== undefined && holder !== own && isAlive(holder))) throw inUse(dir, holder)
  if (holder !== undefined) removeStale(path, holder, dir)
  writeLock(path, own, dir)
  held.add(path)
  return {
    [Symbol.dispose]() {
      held.delete(path)
      rmSync(path, { force: true })
    },
  }
}

function inUse(dir: string, holder = 'another'): TeapotError {
  return new TeapotError(
    'receipts/log-in-use',
    `Cannot open the receipt log in ${dir}: process ${holder.split(' ')[0]} has it open; stop that one first`,
    { kind: 'unavailable' },
  )
}

/** Takes away what nobody holds any more: where another process took it over since it was read, that one keeps it. */
function removeStale(path: string, stale: string, dir: string): void {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const moved = readLock(aside)
  if (moved !== stale) {
    renameSync(aside, path)
    throw inUse(dir, moved)
  }
  rmSync(aside)
}

/** Of several that come at once, one creates the file; one that read it still empty may have taken it away. */
function writeLock(path: string, own: string, dir: string): void {
  try {
    writeFileSync(path, own, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? inUse(dir) : error
  }
  const found = readLock(path)
  if (found !== own) throw inUse(dir, found)
}

function readLock(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function isAlive(holder: string): boolean {
  const [pid, start] = holder.split(' ')
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return startOf(Number(pid)) === start
}

/** When a process began, in ticks since boot, so that a reused pid is told apart; `?` where there is no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '?'
  } catch {
    return '?'
  }
}
