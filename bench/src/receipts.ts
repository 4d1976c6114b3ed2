/**
 * What a receipt costs: CPU of the whole process (all threads, kernel included) per receipt while many calls are open,
 * and the time one receipt adds when calls come one by one. Budget: 15 µs; one fdatasync + 0.3 ms.
 * Run: node bench/src/receipts.ts [folder] [seconds]. The last line is JSON.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openReceiptLog, type ReceiptLog } from '@teapot-network/daemon/receipts'
import { toHex } from '@teapot-network/trust'

const [folder = tmpdir(), seconds = '3'] = process.argv.slice(2)
const CONCURRENCY = 128
const DIGESTS = Array.from({ length: 4096 }, () => toHex(randomBytes(32)))

const dir = mkdtempSync(join(folder, 'teapot-bench-receipts-'))
try {
  const log = await openReceiptLog({
    dir,
    node: toHex(randomBytes(32)),
    log: 1,
    run: toHex(randomBytes(32)),
    receiptKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  })
  await using _ = log
  await measure(log, CONCURRENCY, 0.5)
  const loaded = await measure(log, CONCURRENCY, Number(seconds))
  const fdatasyncMs = medianFdatasyncMs(dir)
  const single = await measure(log, 1, 1)
  const result = {
    bench: 'receipts',
    concurrency: CONCURRENCY,
    receipts: loaded.receipts,
    receiptsPerSecond: Math.round(loaded.receipts / loaded.seconds),
    cpuMicrosPerReceipt: round(loaded.cpuMicros / loaded.receipts),
    budgetCpuMicros: 15,
    singleMs: round(single.medianMs),
    fdatasyncMs: round(fdatasyncMs),
    addedBeyondFdatasyncMs: round(single.medianMs - fdatasyncMs),
    budgetAddedMs: 0.3,
    receiptBytes: loaded.receiptBytes,
    leaves: log.checkpoint().size,
  }
  console.log(JSON.stringify(result))
} finally {
  rmSync(dir, { recursive: true })
}

/** Keeps `concurrency` calls open for a while; each has its own digests. */
async function measure(log: ReceiptLog, concurrency: number, forSeconds: number) {
  const template = log.template({
    actor: { name: 'hello', version: 3, sha256: DIGESTS[0]! },
    capabilities: ['teapot:keyvalue'],
    evidence: DIGESTS[1]!,
    block: { number: 1234, hash: DIGESTS[2]! },
    assurance: { integrity: 'none', confidentiality: 'none' },
    isolation: 'user',
  })
  const latencies: number[] = []
  let receipts = 0
  let receiptBytes = 0
  const cpu = process.cpuUsage()
  const start = performance.now()
  const until = start + forSeconds * 1000
  const caller = async () => {
    for (let now = performance.now(); now < until; ) {
      const request = DIGESTS[(receipts * 7) % DIGESTS.length]!
      const response = DIGESTS[(receipts * 11 + 5) % DIGESTS.length]!
      const { receipt } = await log.issue(template, { operation: 'hello', request, response, outcome: 'ok' })
      receipts++
      receiptBytes = receipt.length
      const then = now
      now = performance.now()
      if (concurrency === 1) latencies.push(now - then)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  const { user, system } = process.cpuUsage(cpu)
  const took = (performance.now() - start) / 1000
  return { receipts, receiptBytes, cpuMicros: user + system, seconds: took, medianMs: median(latencies) }
}

/** What the disk alone takes for a record of usual size, in space that is already there. */
function medianFdatasyncMs(where: string): number {
  const file = openSync(join(where, 'probe'), 'w')
  const record = randomBytes(1024)
  writeSync(file, Buffer.alloc(1 << 20))
  fdatasyncSync(file)
  const times = Array.from({ length: 200 }, (_, i) => {
    writeSync(file, record, 0, record.length, i * record.length)
    const start = performance.now()
    fdatasyncSync(file)
    return performance.now() - start
  })
  closeSync(file)
  return median(times)
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
