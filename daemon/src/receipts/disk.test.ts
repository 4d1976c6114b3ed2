import { execFileSync, spawnSync } from 'node:child_process'
import type fs from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { issueSingly, issueTogether, newRun, result, SHARED, temporaryFolder } from './log.fixture.ts'

/** What happens to the next sync: no disk at hand fails on demand. */
const disk = vi.hoisted(() => ({
  before: undefined as (() => Promise<void>) | undefined,
  error: undefined as Error | undefined,
  /** Of the hash files, which are synced when the journal goes over to a new file. */
  hashError: undefined as Error | undefined,
}))

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>()
  const fdatasync = (file: number, done: (error: Error | null) => void) => {
    void (disk.before?.() ?? Promise.resolve()).then(() => {
      if (disk.error) done(disk.error)
      else real.fdatasync(file, done)
    })
  }
  const fdatasyncSync = (file: number) => {
    if (disk.hashError) throw disk.hashError
    real.fdatasyncSync(file)
  }
  return { ...real, fdatasync, fdatasyncSync, default: { ...real, fdatasync, fdatasyncSync } }
})

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  disk.before = undefined
  disk.error = undefined
  disk.hashError = undefined
  folder[Symbol.dispose]()
})

describe('nothing leaves the log before it is durable', () => {
  it('so receipts wait for the disk', async () => {
    await using log = await newRun(folder.dir).open()
    const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    disk.before = () => {
      reached.resolve()
      return gate.promise
    }
    const before = log.checkpoint()
    let released = false
    const issued = issueTogether(log, 3).then(() => {
      released = true
    })
    const { id } = log.issueLater(log.template({ ...SHARED, capabilities: [] }), result())
    const served = log.receipt(id).then(() => {
      released = true
    })
    await reached.promise
    await new Promise((done) => setImmediate(done))
    expect(released).toBe(false)
    expect(log.checkpoint()).toBe(before)
    expect(log.tile(0, 0, 1)).toBeUndefined()
    gate.resolve()
    await Promise.all([issued, served])
    expect(log.checkpoint().size).toBe(4)
  })
  it('and a disk that fails ends the log: nothing is released, nothing more is taken in', async () => {
    const faults: string[] = []
    const run = newRun(folder.dir)
    const log = await run.open({ onFault: ({ code }) => faults.push(code) })
    await issueSingly(log, 2)
    const before = log.checkpoint()
    const { id } = log.issueLater(log.template({ ...SHARED, capabilities: [] }), result())
    disk.error = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
    const failed = expect.objectContaining({ code: 'receipts/log-failed', kind: 'fault' })
    const waves = [issueTogether(log, 3), log.receipt(id)]
    await Promise.all(waves.map((wave) => expect(wave).rejects.toThrow(failed)))
    disk.error = undefined
    await expect(issueTogether(log, 1)).rejects.toThrow(failed)
    await expect(log.receipt(id)).rejects.toThrow(failed)
    await expect(log.checkpointNow()).rejects.toThrow(failed)
    expect(log.checkpoint()).toBe(before)
    expect(faults).toEqual(['receipts/log-failed'])
    await log[Symbol.asyncDispose]()
    await using again = await newRun(folder.dir).open({ known: [before] })
    expect(again.checkpoint().sequence).toBeGreaterThan(before.sequence + 1)
  })
  it('and a sync of the hashes that fails, even for want of room, ends the log too', async () => {
    const faults: string[] = []
    const log = await newRun(folder.dir).open({ segmentBytes: 4096, onFault: ({ code }) => faults.push(code) })
    disk.hashError = Object.assign(new Error('ENOSPC: no space left on device, fdatasync'), { code: 'ENOSPC' })
    await issueTogether(log, 20)
    await expect(issueTogether(log, 1)).rejects.toThrow(expect.objectContaining({ code: 'receipts/log-failed' }))
    expect(faults).toEqual(['receipts/log-failed'])
    disk.hashError = undefined
    await log[Symbol.asyncDispose]()
    await using again = await newRun(folder.dir).open()
    expect(again.checkpoint().size).toBe(20)
  })
  it('and a log that fails while it opens is not opened', async () => {
    disk.error = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
    await expect(newRun(folder.dir).open()).rejects.toThrow(expect.objectContaining({ code: 'receipts/log-failed' }))
    disk.error = undefined
    await using log = await newRun(folder.dir).open()
    expect(log.checkpoint().size).toBe(0)
  })
})

const small = (dir: string, ...command: string[]) => [
  ...['--bind', '/', '/', '--dev-bind', '/dev', '/dev', '--proc', '/proc'],
  ...['--size', String(4 << 20), '--tmpfs', dir, ...command],
]
const canMount = spawnSync('bwrap', small('/mnt', 'true')).status === 0

describe('a full disk', () => {
  it.skipIf(!canMount)('refuses receipts until there is room again, and loses none that was released', () => {
    const script = join(import.meta.dirname, 'full-disk.fixture.ts')
    const out = execFileSync('bwrap', small(folder.dir, process.execPath, script, folder.dir), { encoding: 'utf8' })
    const told = JSON.parse(out)
    expect(told.refusal).toEqual({ code: 'receipts/disk-full', kind: 'unavailable' })
    expect(told.again).toBe('receipts/disk-full')
    expect(told.full).toBeGreaterThan(0)
    expect(told.later).toBe(told.full)
    // Two checkpoints were signed and refused; neither's number is used again.
    expect(told.sequence).toBe(told.fullSequence + 3)
    expect(told.reopened).toBe(told.full + 3)
  })
})
