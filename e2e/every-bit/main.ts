// `npm run every-bit [-- <part of a sample's or region's name>]`: flips every bit of every signed or measured region of the genuine
// samples, and of a saved proof, each alone, and sees that each is refused by a reason that names its region.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { bitsOf, type Part } from '../../trust/genuine/parts.ts'
import { allParts } from './parts.ts'
import type { Outcome, Task } from './worker.ts'

/** A line of the table: the region of this name in all parts of this name of a sample. */
interface Row {
  name: string
  region: string
  bits: number
  left: number
  refused: number
  passed: number
  wrong: string[]
  seconds: number
  /** Why bits may pass, or where the same bytes were altered before. */
  note: string
}

const BITS_AT_ONCE = 2000
const SHOWN = 5
const NOTHING = { bits: 0, left: 0, refused: 0, passed: 0, seconds: 0 }

const began = performance.now()
const parts = await allParts()
const [rows, tasks] = plan(parts, process.argv[2] ?? '')
await Promise.all(Array.from({ length: availableParallelism() }, () => run(tasks)))
process.exitCode = report() ? 0 : 1

/** What is to be done, the parts of a sample one after the other. */
function plan(parts: readonly Part[], wanted: string): [Map<string, Row>, Task[]] {
  const rows = new Map<string, Row>()
  const tasks: Task[] = []
  const known = new Map<string, string>()
  for (const [part, { sample, part: what, bytes, regions }] of parts.entries()) {
    for (const [region, { name, spans, free, like }] of regions.entries()) {
      const key = rowOf(parts[part]!, name)
      if (!key.includes(wanted)) continue
      const row = rows.get(key) ?? { name: `${sample}: ${what}`, region: name, ...NOTHING, wrong: [], note: free ?? '' }
      rows.set(key, row)
      const shown =
        like && [like, ...spans.map(([from, to]) => Buffer.from(bytes.subarray(from, to)).toString('hex'))].join()
      const before = shown && known.get(shown)
      if (before) row.note = `the same bytes as those of ${before}`
      if (before) continue
      if (shown) known.set(shown, sample)
      const count = bitsOf({ spans }).length
      row.bits += count
      row.left += count
      for (let from = 0; from < count; from += BITS_AT_ONCE) {
        tasks.push({ part, region, from, to: Math.min(count, from + BITS_AT_ONCE) })
      }
    }
  }
  return [rows, tasks.reverse()]
}

function rowOf({ sample, part }: Part, region: string): string {
  return `${sample}: ${part}, ${region}`
}

/** One thread, until nothing is left to do. */
async function run(tasks: Task[]): Promise<void> {
  const worker = new Worker(new URL('worker.ts', import.meta.url))
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  worker.once('error', reject)
  worker.on('message', (outcome: Outcome | 'ready') => {
    if (outcome !== 'ready') take(outcome)
    const task = tasks.pop()
    if (task) worker.postMessage(task)
    else resolve()
  })
  await promise
  await worker.terminate()
}

function take({ task, refused, passed, wrong, seconds }: Outcome): void {
  const part = parts[task.part]!
  const row = rows.get(rowOf(part, part.regions[task.region]!.name))!
  row.refused += refused
  row.passed += passed
  row.seconds += seconds
  row.left -= task.to - task.from
  for (const { bit, id } of wrong) {
    row.wrong.push(`bit ${bit & 7} of byte ${bit >> 3}: ${id}, expected ${part.regions[task.region]!.ids}`)
  }
  const ofSample = [...rows.values()].filter(({ name }) => name.startsWith(`${part.sample}: `))
  if (ofSample.some(({ left }) => left > 0)) return
  const sum = (of: 'bits' | 'refused' | 'passed') => ofSample.reduce((total, one) => total + one[of], 0)
  const held = ofSample.every(({ wrong }) => wrong.length === 0)
  const at = `${((performance.now() - began) / 1000).toFixed(0)} s`
  console.log(
    `${held ? '✔' : '✘'} ${part.sample}: ${sum('refused')} of ${sum('bits')} bits refused, ${sum('passed')} say nothing (${at})`,
  )
}

/** The table, and what passed; whether nothing did. */
function report(): boolean {
  const all = [...rows.values()]
  const line = (name: string, region: string, ...numbers: (string | number)[]) =>
    [name.padEnd(58), region.padEnd(32), ...numbers.map((number) => String(number).padStart(9))].join(' ')
  console.log(`\n${line('sample: part', 'region', 'bits', 'refused', 'free', 'seconds')}`)
  for (const { name, region, bits, refused, passed, seconds, note } of all) {
    console.log(line(name, region || 'whole', bits, refused, passed, seconds.toFixed(1)), note && ` ${note}`)
  }
  for (const { name, region, wrong } of all.filter(({ wrong }) => wrong.length > 0)) {
    console.log(`✘ ${name}, ${region || 'whole'}: ${wrong.length} bits`)
    for (const one of wrong.slice(0, SHOWN)) console.log(`    ${one}`)
  }
  const sum = (of: 'bits' | 'refused' | 'passed') => all.reduce((total, one) => total + one[of], 0)
  const wrong = all.reduce((total, one) => total + one.wrong.length, 0)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  console.log(
    `${sum('bits')} bits: ${sum('refused')} refused, ${sum('passed')} that say nothing and change nothing, ${wrong} wrong; ${seconds} s`,
  )
  return wrong === 0 && sum('bits') > 0
}
