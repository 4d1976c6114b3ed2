import { randomBytes } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ReceiptLog } from '@teapot-network/daemon/receipts'
import { grownLog, inclusionMicros } from '../../daemon/src/receipts/grown-log.fixture.ts'
import { issueSingly, newRun, result, SHARED, temporaryFolder } from '../../daemon/src/receipts/log.fixture.ts'
import { bareVerifyMicros } from './bare-verify.ts'
import { median } from './host-open.ts'
import { verifyTimes } from './proof-verify.ts'

const RUNS = 5
const CONCURRENCY = 128
const LARGE = 10_000_000
const PROOFS = 2_000
const SINGLES = 300
/** As long as the journal's record of one result. */
const RECORD_BYTES = 1024
/** Digests are the caller's matter, so they are made beforehand. */
const RESULTS = Array.from({ length: 1024 }, () => ({ ...result(), fuel: 12_345 }))

/**
 * What proofs cost, each figure said beside its budget. Other work on the machine only ever adds to times, so the best of several runs counts.
 * CPU is of all threads, kernel included; waiting is what one call at a time waits for its receipt beyond what the disk alone takes.
 */
export async function measureProof(say: (line: string) => void): Promise<Record<string, number>> {
  const figures: Record<string, number> = {}
  const tell = (name: string, value: number, budget: number, what: string): void => {
    figures[name] = Math.round(value * 100) / 100
    say(`${value <= budget ? 'held  ' : 'MISSED'}  ${what}: ${figures[name]} (budget ${budget})`)
  }
  say(`times are the best of ${RUNS} runs`)
  const { cpuMicros, verifyMicros, syncMs, addedMs } = await durability()
  const beside = (micros: number) => `a bare P-256 verification then taking ${micros.toFixed(1)}`
  tell('cpuMicrosPerReceipt', cpuMicros, 15, `µs of CPU a receipt, ${CONCURRENCY} calls open, ${beside(verifyMicros)}`)
  tell(
    'addedMs',
    addedMs,
    0.3,
    `ms of waiting beyond the disk's own fdatasync, ${syncMs.toFixed(3)} ms in turn with it`,
  )
  tell('proofBytes', await longestProof(), 1600, 'bytes of receipt, claims and salt at 2^20 leaves')
  const { micros, megabytes } = await largeLog()
  tell('inclusionMicros', micros, 100, 'µs an inclusion proof from tiles at 10^7 leaves')
  tell('logMegabytes', megabytes, 20, 'MB of memory for a log of 10^7 leaves')
  const { node, chromium } = await verifyTimes(RUNS)
  tell('verifyNodeMs', node, 5, 'ms to verify a bundle in Node')
  tell('verifyChromiumMs', chromium, 20, 'ms to verify it in Chromium')
  return figures
}

async function durability() {
  using folder = temporaryFolder()
  await using log = await newRun(folder.dir).open()
  await load(log, CONCURRENCY, 500)
  const best = { cpuMicros: Infinity, verifyMicros: Infinity, syncMs: Infinity, addedMs: Infinity }
  for (let run = 0; run < RUNS; run++) {
    const verifyMicros = bareVerifyMicros()
    const { cpuMicros } = await load(log, CONCURRENCY, 1_000)
    if (cpuMicros < best.cpuMicros) Object.assign(best, { cpuMicros, verifyMicros })
    const single = await beyondDisk(log, folder.dir)
    if (single.addedMs < best.addedMs) Object.assign(best, single)
  }
  return best
}

/** One call at a time, each in turn with what the disk alone takes for a record of usual size in space that is already there. */
async function beyondDisk(log: ReceiptLog, dir: string): Promise<{ syncMs: number; addedMs: number }> {
  const file = openSync(join(dir, 'probe'), 'w')
  const record = randomBytes(RECORD_BYTES)
  writeSync(file, Buffer.alloc(1 << 20))
  fdatasyncSync(file)
  const template = log.template({ ...SHARED, capabilities: ['teapot:httpclient', 'teapot:keyvalue'] })
  const [syncs, singles]: [number[], number[]] = [[], []]
  for (let i = 0; i < SINGLES; i++) {
    writeSync(file, record, 0, record.length, i * record.length)
    const began = performance.now()
    fdatasyncSync(file)
    const synced = performance.now()
    await log.issue(template, RESULTS[i % RESULTS.length]!)
    singles.push(performance.now() - synced)
    syncs.push(synced - began)
  }
  closeSync(file)
  return { syncMs: median(syncs), addedMs: median(singles) - median(syncs) }
}

/** Of the last leaf of a full tree, whose path has every level. */
async function longestProof(): Promise<number> {
  using folder = temporaryFolder()
  await using log = await grownLog(folder.dir, 2 ** 20 - 1).open()
  const [last] = await issueSingly(log, 1)
  return last!.receipt.length + last!.claims.length + last!.salt.length
}

async function largeLog() {
  using folder = temporaryFolder()
  const run = grownLog(folder.dir, LARGE)
  const before = await heldBytes()
  await using log = await run.open()
  await load(log, CONCURRENCY, 1_000)
  for (let i = 0; i < PROOFS; i++) log.consistencyProof((i * 7_654_321) % LARGE)
  const megabytes = ((await heldBytes()) - before) / 1e6
  const micros = Math.min(...Array.from({ length: RUNS }, () => median(inclusionMicros(folder.dir, LARGE, PROOFS))))
  return { micros, megabytes }
}

/** Heap and buffers once everything else was collected; buffers are given back a little later than what held them. */
async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  collect()
  await sleep(200)
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Keeps so many calls open for a while; what it is to the processor. */
async function load(log: ReceiptLog, concurrency: number, forMs: number) {
  const template = log.template({ ...SHARED, capabilities: ['teapot:httpclient', 'teapot:keyvalue'] })
  let issued = 0
  const cpu = process.cpuUsage()
  const until = performance.now() + forMs
  const caller = async (): Promise<void> => {
    while (performance.now() < until) await log.issue(template, RESULTS[issued++ % RESULTS.length]!)
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  const { user, system } = process.cpuUsage(cpu)
  return { cpuMicros: (user + system) / issued }
}
