import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseClaims, verifyConsistency } from '@teapot-network/trust'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  digest,
  issueSingly,
  issueTogether,
  NODE,
  newRun,
  published,
  result,
  rootOf,
  SHARED,
  temporaryFolder,
} from './log.fixture.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

const failing = (code: string) => expect.objectContaining({ code })

describe('the receipt log', () => {
  it('issues receipts that verify by the key of the run', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    const own = result()
    const issued = await log.issue(log.template({ ...SHARED, capabilities: ['kv.read'] }), { ...own, fuel: 12 })
    expect(parseClaims(issued.claims)).toMatchObject({
      ...own,
      fuel: 12,
      node: NODE,
      run: run.options.run,
      actor: SHARED.actor,
    })
    expect(await run.check(issued)).toMatchObject({ node: NODE, log: 1, run: run.options.run, size: 1 })
    expect(issued.salt).toHaveLength(16)
  })
  it('covers results that come together by one checkpoint, and chains checkpoints by their roots', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    const opening = await published(log, run.key)
    const first = await Promise.all((await issueTogether(log, 100)).map(run.check))
    expect(new Set(first.map(({ sequence }) => sequence)).size).toBe(1)
    expect(first[0]).toMatchObject({ size: 100, sequence: opening.sequence + 1, previousRoot: opening.root })
    const [second] = await Promise.all((await issueTogether(log, 1)).map(run.check))
    expect(second).toMatchObject({ size: 101, sequence: opening.sequence + 2, previousRoot: first[0]!.root })
    expect(await published(log, run.key)).toMatchObject({ size: 101, root: second!.root })
  })
  it('gathers what comes while a checkpoint is on its way to the disk', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    const waves = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        for (let turn = 0; turn < i; turn++) await new Promise((done) => setImmediate(done))
        return issueTogether(log, 5)
      }),
    )
    const checkpoints = await Promise.all(waves.flat().map(run.check))
    const sizes = new Map(checkpoints.map(({ sequence, size }) => [sequence, size]))
    expect(new Set(checkpoints.map(({ sequence, root }) => `${sequence} ${root}`)).size).toBe(sizes.size)
    expect(log.checkpoint().size).toBe(100)
  })
  it('has a signed checkpoint as soon as it is open, also without leaves', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    const checkpoint = await published(log, run.key)
    expect(checkpoint).toMatchObject({ log: 1, sequence: 1, size: 0 })
    expect(checkpoint.root).toBe('0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(await log.checkpointNow()).toMatchObject({ sequence: 2, size: 0 })
  })
  it('goes on in a new run with the same log, higher numbers and the new key', async () => {
    const [one, two] = [newRun(folder.dir), newRun(folder.dir)]
    let last: { sequence: number; root: string; size: number }
    {
      await using log = await one.open()
      await issueTogether(log, 300)
      last = log.checkpoint()
    }
    await using log = await two.open()
    const opening = await published(log, two.key)
    expect(opening).toMatchObject({ size: 300, root: last.root, previousRoot: last.root, run: two.options.run })
    expect(opening.sequence).toBeGreaterThan(last.sequence)
    const [issued] = await issueTogether(log, 1)
    const checkpoint = await two.check(issued!)
    await expect(one.check(issued!)).rejects.toThrow('does not verify')
    const proof = log.consistencyProof(300)
    expect(verifyConsistency(300, rootOf(last), 301, rootOf(checkpoint), proof)).toBe(true)
  })
  it('keeps one log apart from another by its number', async () => {
    const run = newRun(folder.dir)
    await using one = await run.open()
    await using two = await run.open({ log: 2 })
    await issueTogether(one, 2)
    await issueTogether(two, 3)
    expect([one.checkpoint(), two.checkpoint()]).toMatchObject([
      { log: 1, size: 2 },
      { log: 2, size: 3 },
    ])
  })
  it('publishes tiles of hashes, none of them before it is durable', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    expect(log.tile(0, 0, 1)).toBeUndefined()
    await issueTogether(log, 600)
    expect(log.tile(0, 0)).toHaveLength(256 * 32)
    expect(log.tile(0, 2, 88)).toHaveLength(88 * 32)
    expect(log.tile(1, 0, 2)).toHaveLength(64)
    for (const [level, index, width] of [
      [0, 2, 89],
      [0, 3, 1],
      [1, 0, 3],
      [2, 0, 1],
      [0, 0, 0],
      [0, 0, 257],
    ] as const) {
      expect(log.tile(level, index, width)).toBeUndefined()
    }
  })
  it('refuses consistency proofs for sizes that it never had', async () => {
    await using log = await newRun(folder.dir).open()
    for (const [from, to] of [
      [0, 1],
      [1, 0],
      [-1, 0],
      [0.5, 0],
    ] as const) {
      expect(() => log.consistencyProof(from, to)).toThrow(failing('receipts/no-such-size'))
    }
  })
  it('goes over to new files and still serves every receipt', async () => {
    const run = newRun(folder.dir)
    const ids: string[] = []
    {
      await using log = await run.open({ segmentBytes: 4096 })
      for (let i = 0; i < 12; i++) ids.push(...(await issueTogether(log, 40)).map(({ id }) => id))
      expect(existsSync(join(folder.dir, '1', 'segment-00000003'))).toBe(true)
      for (const id of [ids[0]!, ids[255]!, ids.at(-1)!]) await run.check(await log.receipt(id))
    }
    await using log = await newRun(folder.dir).open({ segmentBytes: 4096 })
    expect(log.checkpoint().size).toBe(480)
    for (let i = 0; i < ids.length; i += 17) await run.check(await log.receipt(ids[i]!))
    await issueTogether(log, 1)
  })
  it('refuses claims that are too long, and goes on', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    const template = log.template({ ...SHARED, capabilities: [] })
    await expect(log.issue(template, { ...result(), operation: 'x'.repeat(65_536) })).rejects.toThrow(
      failing('receipts/claims-too-long'),
    )
    await run.check((await issueTogether(log, 1))[0]!)
  })
  it('refuses any other key than a private P-256 key', async () => {
    for (const receiptKey of [
      generateKeyPairSync('ed25519').privateKey,
      generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
    ]) {
      await expect(newRun(folder.dir).open({ receiptKey })).rejects.toThrow(failing('receipts/bad-key'))
    }
  })
  it('refuses what comes after it is closed, and finishes what came before', async () => {
    const run = newRun(folder.dir)
    const log = await run.open()
    const open = issueTogether(log, 3)
    await log[Symbol.asyncDispose]()
    for (const issued of await open) await run.check(issued)
    await expect(issueTogether(log, 1)).rejects.toThrow(failing('receipts/closed'))
    await log[Symbol.asyncDispose]()
  })
})

describe('one log at a time', () => {
  it('is open in a folder', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    await expect(newRun(folder.dir).open()).rejects.toThrow(failing('receipts/log-in-use'))
    expect(log.checkpoint().size).toBe(0)
  })
  it('takes over the lock of a process that is gone, or whose number another one has now', async () => {
    const lock = join(folder.dir, '1', 'lock')
    await (await newRun(folder.dir).open())[Symbol.asyncDispose]()
    for (const holder of ['999999999 1', `${process.ppid} 1`, `${process.pid} 1`, 'nonsense']) {
      writeFileSync(lock, holder)
      await using log = await newRun(folder.dir).open()
      expect(log.checkpoint().size).toBe(0)
    }
  })
})

describe('a receipt for later', () => {
  const template = (log: Awaited<ReturnType<ReturnType<typeof newRun>['open']>>) =>
    log.template({ ...SHARED, capabilities: ['kv.read'] })

  it('has its id at once and is served once it is durable', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    const recorded = Array.from({ length: 5 }, () => log.issueLater(template(log), result()))
    expect(log.checkpoint().size).toBe(0)
    for (const { id, claims, salt } of recorded) {
      const issued = await log.receipt(id)
      expect(issued).toMatchObject({ id, claims, salt })
      await run.check(issued)
    }
  })
  it('is still served by a later run', async () => {
    const run = newRun(folder.dir)
    let id: string
    {
      await using log = await run.open()
      await issueTogether(log, 3)
      id = log.issueLater(template(log), result()).id
    }
    await using log = await newRun(folder.dir).open()
    await issueTogether(log, 700)
    await run.check(await log.receipt(id))
  })
  it('is refused under an id that was never given out', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    const { id } = log.issueLater(template(log), result())
    const salt = randomBytes(16).toString('base64url')
    for (const other of ['', 'x', `1.0.${salt}`, `1.7.${salt}`, id.slice(0, -1), `${id}A`, `1.-1.${salt}`]) {
      await expect(log.receipt(other), other).rejects.toThrow(failing('receipts/unknown-id'))
    }
    await expect(log.receipt(`2.${id.slice(2)}`)).rejects.toThrow(failing('receipts/no-such-log'))
    await run.check(await log.receipt(id))
  })
  it('is given up when the caller goes away', async () => {
    const run = newRun(folder.dir)
    await using log = await run.open()
    const { id } = log.issueLater(template(log), result())
    await expect(log.receipt(id, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  })
})

describe('a log that is behind what is known of it', () => {
  it('is refused when it was lost, restored or never ours', async () => {
    const run = newRun(folder.dir)
    const known: { log: number; sequence: number; size: number; root: `0x${string}` }[] = []
    {
      await using log = await run.open()
      await issueSingly(log, 3)
      known.push(log.checkpoint())
      await issueSingly(log, 3)
    }
    await (await newRun(folder.dir).open({ known }))[Symbol.asyncDispose]()
    const behind = failing('receipts/log-behind')
    await expect(newRun(folder.dir).open({ known: [{ ...known[0]!, root: digest() }] })).rejects.toThrow(behind)
    await expect(newRun(folder.dir).open({ known: [{ ...known[0]!, size: 7 }] })).rejects.toThrow(behind)
    await expect(newRun(folder.dir).open({ known: [{ ...known[0]!, sequence: 99 }] })).rejects.toThrow(behind)
    await expect(newRun(folder.dir).open({ known: [{ ...known[0]!, log: 2 }] })).rejects.toThrow(behind)
    rmSync(join(folder.dir, '1'), { recursive: true })
    await expect(newRun(folder.dir).open({ known })).rejects.toThrow(behind)
  })
})
