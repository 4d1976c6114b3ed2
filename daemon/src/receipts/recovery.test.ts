import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type NodeId, toHex, verifyConsistency } from '@teapot-network/trust'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BatchFrame, readFrame } from './frames.ts'
import { HashFiles } from './hash-files.ts'
import {
  issueSingly,
  issueTogether,
  NODE,
  newRun,
  published,
  type Run,
  rootOf,
  temporaryFolder,
} from './log.fixture.ts'
import type { Issued } from './receipt-log.ts'
import { recover } from './recovery.ts'
import { listSegments } from './segment.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

const LOADED_LOG = join(import.meta.dirname, 'endless-log.fixture.ts')
const damaged = expect.objectContaining({ code: 'receipts/log-damaged', kind: 'fault' })
const logDir = (dir = folder.dir) => join(dir, '1')
const segmentPath = (dir = folder.dir) => listSegments(logDir(dir)).at(-1)!.path

/** Where each record of the last segment begins, and where the last one ends. */
function recordOffsets(): number[] {
  const segment = listSegments(logDir()).at(-1)!
  const bytes = readFileSync(segment.path)
  const offsets = [segment.bodyOffset]
  for (let frame = readFrame(bytes, offsets[0]!); frame; frame = readFrame(bytes, frame.end)) offsets.push(frame.end)
  return offsets
}

/** The last segment with a little of the zeros behind. */
function segmentBytes(): Buffer {
  return Buffer.from(readFileSync(segmentPath()).subarray(0, recordOffsets().at(-1)! + 100))
}

/** A log that was written and closed. */
async function writtenLog(together = 3, singly = 3): Promise<{ run: Run; issued: Issued[] }> {
  const run = newRun(folder.dir)
  await using log = await run.open()
  return { run, issued: [...(await issueTogether(log, together)), ...(await issueSingly(log, singly))] }
}

function batchesOf(bytes: Buffer): BatchFrame[] {
  const frames = recordOffsets().map((offset) => readFrame(bytes, offset))
  return frames.filter((frame) => frame?.kind === 'batch')
}

/** What is found when the last segment holds these bytes. */
function recoverFrom(bytes: Buffer) {
  writeFileSync(segmentPath(), bytes)
  return recovered()
}

function recovered() {
  using files = new HashFiles(logDir())
  const { tree, sequence, end, torn, root } = recover(logDir(), files, { node: NODE, log: 1 })
  return { size: tree.size, sequence, end, torn, root: toHex(root) }
}

describe('recovering a log', () => {
  it('keeps every checkpoint that was whole, at whatever byte its file is cut off', async () => {
    const { run, issued } = await writtenLog(2, 1)
    const offsets = recordOffsets()
    const roots = await Promise.all(issued.map(async (one) => (await run.check(one)).root))
    // Behind the key of the run, its opening checkpoint, one with two leaves and one with a third.
    const sizes = [0, 0, 0, 2, 3]
    const path = segmentPath()
    expect(offsets).toHaveLength(sizes.length)
    for (let length = offsets.at(-1)!; length >= 0; length--) {
      truncateSync(path, length)
      if (length < offsets[0]!) {
        expect(recovered, `cut at ${length}`).toThrow(damaged)
        continue
      }
      const records = offsets.findLastIndex((offset) => offset <= length)
      const size = sizes[records]!
      const found = recovered()
      const expected = { size, sequence: Math.max(records - 1, 0), torn: !offsets.includes(length) }
      expect(found, `cut at ${length}`).toMatchObject(expected)
      if (size > 0) expect(found.root).toBe(roots[size - 1])
    }
  })
  it('goes on after a cut without ever using the number of what was cut off', async () => {
    const { run, issued } = await writtenLog()
    const [last, end] = recordOffsets().slice(-2) as [number, number]
    const whole = segmentBytes()
    for (const length of [last, last + 1, last + 100, end - 1, end]) {
      writeFileSync(segmentPath(), whole.subarray(0, length))
      const next = newRun(folder.dir)
      await using log = await next.open()
      const head = await published(log, next.key)
      expect(head).toMatchObject({ size: length === end ? 6 : 5, sequence: length === last ? 5 : 6 })
      for (const old of issued.slice(0, head.size)) {
        const { root, size } = await run.check(old)
        const proof = log.consistencyProof(size)
        expect(verifyConsistency(size, rootOf({ root }), head.size, rootOf(head), proof)).toBe(true)
      }
    }
  })
  it('cuts off a last batch of which not all arrived, whatever stands in its place', async () => {
    await writtenLog()
    const [last, end] = recordOffsets().slice(-2) as [number, number]
    const whole = segmentBytes()
    for (let at = last; at < end; at += 3) {
      for (const fill of [0x00, 0xff]) {
        const bytes = Buffer.from(whole).fill(fill, at, Math.min(at + 64, end))
        if (!bytes.equals(whole)) expect(recoverFrom(bytes), `${fill} at ${at}`).toMatchObject({ size: 5, sequence: 4 })
      }
    }
  })
  it('refuses a log in which an earlier batch is broken, rather than cut off what was released', async () => {
    await writtenLog()
    const offsets = recordOffsets()
    const whole = segmentBytes()
    const signed = batchesOf(whole).map(({ signature, end }) => [signature.byteOffset - whole.byteOffset, end] as const)
    // From the opening checkpoint of the run to the last but one: marks, lengths, salts, claims and roots.
    for (let at = offsets[1]!; at < offsets.at(-2)!; at += 3) {
      if (signed.some(([from, to]) => at >= from && at < to)) continue
      const bytes = Buffer.from(whole)
      bytes[at]! ^= 0x10
      expect(() => recoverFrom(bytes), `byte ${at}`).toThrow(damaged)
    }
  })
  it('refuses hash files and segments that do not belong together', async () => {
    const run = newRun(folder.dir)
    {
      await using log = await run.open({ segmentBytes: 2048 })
      for (let i = 0; i < 4; i++) await issueTogether(log, 30)
    }
    const hashes = join(logDir(), 'hashes-0')
    const good = readFileSync(hashes)
    writeFileSync(hashes, Buffer.from(good).fill(1, 0, 32))
    await expect(newRun(folder.dir).open()).rejects.toThrow(damaged)
    writeFileSync(hashes, good.subarray(0, 64))
    await expect(newRun(folder.dir).open()).rejects.toThrow(damaged)
    writeFileSync(hashes, good)
    copyFileSync(join(logDir(), 'segment-00000001'), join(logDir(), 'segment-00000009'))
    await expect(newRun(folder.dir).open()).rejects.toThrow(damaged)
    rmSync(join(logDir(), 'segment-00000009'))
    const last = segmentPath()
    for (const header of [Buffer.alloc(0), Buffer.from('TPS1'), Buffer.from('TPS1\0\x02\x80\x80'), Buffer.alloc(100)]) {
      writeFileSync(last, header)
      await expect(newRun(folder.dir).open()).rejects.toThrow(damaged)
    }
  })
  it('refuses the log of another node', async () => {
    await writtenLog()
    const node: NodeId = toHex(new Uint8Array(32).fill(9))
    await expect(newRun(folder.dir).open({ node })).rejects.toThrow(damaged)
  })
  it('goes on after kills under load, and every receipt that was handed out before still holds', async () => {
    const kept: Issued[] = []
    const released: { size: number; root: `0x${string}`; sequence: number }[] = []
    for (const receipts of [1, 150, 40, 300]) {
      const run = newRun(folder.dir)
      for await (const one of handedOut(run, receipts)) {
        const { size, root, sequence } = await run.check(one)
        expect(sequence).toBeGreaterThanOrEqual(released.at(-1)?.sequence ?? 0)
        released.push({ size, root, sequence })
        kept.push(one)
      }
    }
    expect(kept.length).toBeGreaterThan(490)
    await using log = await newRun(folder.dir).open()
    const now = log.checkpoint()
    expect(now.sequence).toBeGreaterThan(released.at(-1)!.sequence)
    for (const { size, root } of released) {
      expect(verifyConsistency(size, rootOf({ root }), now.size, rootOf(now), log.consistencyProof(size))).toBe(true)
    }
    for (const one of kept.filter((_, i) => i % 9 === 0))
      expect(toHex((await log.receipt(one.id)).receipt)).toBe(toHex(one.receipt))
  }, 300_000)
})

/** What a process with this run's log hands out, until it is killed amid its work after so many. */
async function* handedOut({ key, options }: Run, count: number): AsyncGenerator<Issued> {
  const pem = key.export({ type: 'pkcs8', format: 'pem' }) as string
  const child = spawn(process.execPath, [LOADED_LOG, folder.dir, options.run, pem], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let seen = 0
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      // What the kill left of the last line was not handed out whole.
      if (!line.endsWith('}')) continue
      if (++seen === count) child.kill('SIGKILL')
      const { id, ...one } = JSON.parse(line) as Record<keyof Issued, string>
      const [claims, salt, receipt] = [one.claims, one.salt, one.receipt].map((text) => Buffer.from(text, 'base64'))
      yield { id, claims: claims!, salt: salt!, receipt: receipt! }
    }
  } finally {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}
