import { randomBytes } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ReceiptLog } from '@teapot-network/daemon/receipts'
import { grownLog, inclusionMicros } from '../../daemon/src/receipts/grown-log.fixture.ts'
import { issueSingly, newRun, result, SHARED, temporaryFolder } from '../../daemon/src/receipts/log.fixture.ts'
import { median } from './host-open.ts'
import { verifyTimes } from './proof-verify.ts'

const RUNS = 5
const CONCURRENCY = 128
const LARGE = 10_000_000
const PROOFS = 2_000
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
  const { cpuMicros, syncMs, singleMs } = await durability()
  tell('cpuMicrosPerReceipt', cpuMicros, 15, `µs of CPU a receipt, ${CONCURRENCY} calls open`)
  tell('addedMs', singleMs - syncMs, 0.3, `ms of waiting beyond the disk's own fdatasync, ${syncMs.toFixed(3)} ms`)
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
  const best = { cpuMicros: Infinity, syncMs: Infinity, singleMs: Infinity }
  for (let run = 0; run < RUNS; run++) {
    best.cpuMicros = Math.min(best.cpuMicros, (await load(log, CONCURRENCY, 1_000)).cpuMicros)
    best.syncMs = Math.min(best.syncMs, medianSyncMs(folder.dir))
    best.singleMs = Math.min(best.singleMs, (await load(log, 1, 500)).medianMs)
  }
  return best
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

/** Keeps so many calls open for a while. */
async function load(log: ReceiptLog, concurrency: number, forMs: number) {
  const template = log.template({ ...SHARED, capabilities: ['teapot:httpclient', 'teapot:keyvalue'] })
  const waited: number[] = []
  const cpu = process.cpuUsage()
  const until = performance.now() + forMs
  const caller = async (): Promise<void> => {
    for (let now = performance.now(); now < until; ) {
      await log.issue(template, RESULTS[waited.length % RESULTS.length]!)
      const then = now
      now = performance.now()
      waited.push(now - then)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  const { user, system } = process.cpuUsage(cpu)
  return { cpuMicros: (user + system) / waited.length, medianMs: median(waited) }
}

/** What the disk alone takes for a record of usual size, in space that is already there. */
function medianSyncMs(dir: string): number {
  const file = openSync(join(dir, 'probe'), 'w')
  const record = randomBytes(1024)
  writeSync(file, Buffer.alloc(1 << 20))
  fdatasyncSync(file)
  const times = Array.from({ length: 200 }, (_, i) => {
    writeSync(file, record, 0, record.length, i * record.length)
    const began = performance.now()
    fdatasyncSync(file)
    return performance.now() - began
  })
  closeSync(file)
  return median(times)
}
