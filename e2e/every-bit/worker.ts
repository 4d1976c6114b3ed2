// Flips the bits that `main.ts` asks for, and says of each span what refused.
import { parentPort } from 'node:worker_threads'
import { bitsOf, flip, type Part, type Region } from '../../trust/genuine/parts.ts'
import { allParts } from './parts.ts'
import { rememberSignatures } from './remember.ts'

/** Bits of one region: from and to in the list of its bits. */
export interface Task {
  part: number
  region: number
  from: number
  to: number
}

/** What became of them. */
export interface Outcome {
  task: Task
  refused: number
  /** Left the verdict as it was, where that may be. */
  passed: number
  /** Passed though they must not, or were refused by a reason of something else. */
  wrong: { bit: number; id: string }[]
  seconds: number
}

/** How many are judged at once: checking a signature is waiting. */
const AT_ONCE = 32

const remember = rememberSignatures()
const parts = await allParts()
/** What refuses the genuine bytes of a part. */
const genuine = new Map<Part, string | undefined>()

async function judge(task: Task): Promise<Outcome> {
  const began = performance.now()
  const part = parts[task.part]!
  const region = part.regions[task.region]!
  if (!genuine.has(part)) genuine.set(part, await remember(() => part.idOf(part.bytes)))
  const bits = bitsOf(region).slice(task.from, task.to)
  const outcome: Outcome = { task, refused: 0, passed: 0, wrong: [], seconds: 0 }
  const work = async () => {
    for (let bit = bits.pop(); bit !== undefined; bit = bits.pop()) await judgeBit(part, region, bit, outcome)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  outcome.seconds = (performance.now() - began) / 1000
  return outcome
}

async function judgeBit(part: Part, { ids, free }: Region, bit: number, outcome: Outcome): Promise<void> {
  const id = await part.idOf(flip(part.bytes, bit)).catch((error) => `thrown: ${error}`)
  if (free && id === genuine.get(part)) outcome.passed++
  else if (id !== undefined && ids.test(id)) outcome.refused++
  else outcome.wrong.push({ bit, id: id ?? 'nothing refuses it' })
}

parentPort!.on('message', async (task: Task) => parentPort!.postMessage(await judge(task)))
parentPort!.postMessage('ready')
