import type fs from 'node:fs'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { lockFolder } from './lock.ts'
import { temporaryFolder } from './log.fixture.ts'

/** What another process does around our reads of the lock: no two that start by chance meet at the same point twice. */
const other = vi.hoisted(() => ({
  before: [] as (() => void)[],
  after: [] as (() => void)[],
}))

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>()
  const read = (...args: Parameters<typeof fs.readFileSync>) => {
    const isLock = String(args[0]).endsWith('/lock')
    if (isLock) other.before.shift()?.()
    try {
      return real.readFileSync(...args)
    } finally {
      if (isLock) other.after.shift()?.()
    }
  }
  return { ...real, readFileSync: read, default: { ...real, readFileSync: read } }
})

const inUse = expect.objectContaining({ code: 'receipts/log-in-use', kind: 'unavailable' })
const STALE = '999999999 1'
/** Of a process that runs. */
const THEIRS = ((): string => {
  const stat = readFileSync(`/proc/${process.ppid}/stat`, 'latin1')
  return `${process.ppid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
})()

let folder: ReturnType<typeof temporaryFolder>
let lock: string
beforeEach(() => {
  folder = temporaryFolder()
  lock = join(folder.dir, 'lock')
})
afterEach(() => {
  other.before = []
  other.after = []
  folder[Symbol.dispose]()
})

/** Refused, and the other still holds it. */
function expectTheirs(): void {
  expect(() => lockFolder(folder.dir)).toThrow(inUse)
  other.before = []
  other.after = []
  expect(readFileSync(lock, 'utf8')).toBe(THEIRS)
}

test('a stale lock that another process takes over between our look and our hand stays with that one', () => {
  writeFileSync(lock, STALE)
  other.after = [() => writeFileSync(lock, THEIRS)]
  expectTheirs()
})

test('a stale lock that another process took away meanwhile is free', () => {
  writeFileSync(lock, STALE)
  other.after = [() => rmSync(lock)]
  lockFolder(folder.dir)[Symbol.dispose]()
})

test('a lock of ours that another process took for an unfinished one, and replaced, is not ours', () => {
  other.before = [() => {}, () => writeFileSync(lock, THEIRS)]
  expectTheirs()
})
