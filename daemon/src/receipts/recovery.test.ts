import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
async function writtenLog(): Promise<{ run: Run; issued: Issued[] }> {
  const run = newRun(folder.dir)
  await using log = await run.open()
  return { run, issued: [...(await issueTogether(log, 3)), ...(await issueSingly(log, 3))] }
}

function batchesOf(bytes: Buffer): BatchFrame[] {
  const frames = recordOffsets().map((offset) => readFrame(bytes, offset))
  return frames.filter((frame) => frame?.kind === 'batch')
}

/** What is found when the last segment holds these bytes. */
function recoverFrom(bytes: Buffer) {
  writeFileSync(segmentPath(), bytes)
  using files = new HashFiles(logDir())
  const { tree, sequence, end, torn, root } = recover(logDir(), files, { node: NODE, log: 1 })
  return { size: tree.size, sequence, end, torn, root: toHex(root) }
}

describe('recovering a log', () => {
  it('keeps every checkpoint that was whole, wherever its file is cut off', async () => {
    const { run, issued } = await writtenLog()
    const offsets = recordOffsets()
    const roots = await Promise.all(issued.map(async (one) => (await run.check(one)).root))
    const whole = segmentBytes()
    // Key, opening checkpoint, one with three leaves, then one with each.
    for (let length = offsets.at(-2)! - 40; length <= offsets.at(-1)!; length++) {
      const batches = offsets.filter((offset) => offset <= length).length - 3
      const size = batches + 2
      const found = recoverFrom(whole.subarray(0, length))
      expect(found, `cut at ${length}`).toMatchObject({ size, sequence: batches + 1, torn: !offsets.includes(length) })
      expect(found.root).toBe(roots[size - 1])
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
  it('contradicts nothing that was released before a kill', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'endless-log.fixture.ts'), folder.dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const released: { size: number; root: `0x${string}`; sequence: number }[] = []
    const ids: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      const { id, ...head } = JSON.parse(line)
      released.push(head)
      ids.push(id)
      if (released.length === 200) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const run = newRun(folder.dir)
    await using log = await run.open()
    const now = log.checkpoint()
    expect(now.sequence).toBeGreaterThan(released.at(-1)!.sequence)
    for (const { size, root } of released) {
      expect(verifyConsistency(size, rootOf({ root }), now.size, rootOf(now), log.consistencyProof(size))).toBe(true)
    }
    for (const id of ids.slice(-20)) expect((await log.receipt(id)).id).toBe(id)
    expect(toHex(rootOf(now))).toBe(now.root)
  }, 60_000)
})
