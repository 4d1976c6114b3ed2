import { appraise, createKnownLog, type Evidence, type KnownLog } from '@teapot-network/trust'
import { bareVerifyMicros } from './bare-verify.ts'
import { median } from './host-open.ts'
import { createFleet, type FleetNode } from './trust-fleet.ts'
import { readTeeSamples, type TeeSample } from './trust-tee.ts'

/** What one core does in a second of processor time, all threads of the process counted. */
export interface Rate {
  perSecond: number
  /** In how many bare verifications of a P-256 signature, measured in turn with it: the machine's speed is not in this. */
  verifies: number
}

/** How fast appraisals are. */
export interface TrustFigures {
  /** One TPM quote with a log of 200 entries, once it is parsed. */
  whole: Rate
  /** The same, where all but the last 10 entries were known. */
  suffix: Rate
  /** Reports of enclaves by maker, chains remembered; none where there are no samples. */
  tee: Record<string, Rate>
}

const NODES = 64
const ENTRIES = 200
const NEWER = 10
const ROUNDS = 25
/** As many as a Verifier has under way. */
const TOGETHER = 32

/** Every node, key, log and quote is another; each is tried in {@link ROUNDS} rounds, the middle one counts. */
export async function measureTrust(say: (line: string) => void): Promise<TrustFigures> {
  const { nodes, facts, policy } = await createFleet(NODES, ENTRIES, NEWER)
  const appraiseNode = async (evidence: Evidence, { expected }: FleetNode, known?: KnownLog) => {
    const { outcome, summary } = await appraise(evidence, expected, facts, policy, known && { known })
    if (outcome !== 'affirm') throw new Error(summary)
  }
  const known = new Map<FleetNode, KnownLog>()
  const learn = async (node: FleetNode) => {
    known.set(node, createKnownLog())
    await appraiseNode(node.earlier, node, known.get(node))
  }
  const rates = await ratesOf([
    { items: nodes, work: (node) => appraiseNode(node.whole, node) },
    { items: nodes, prepare: learn, work: (node) => appraiseNode(node.whole, node, known.get(node)) },
  ])
  const [whole, suffix] = rates as [Rate, Rate]
  const samples = readTeeSamples()
  const reports = await ratesOf(
    samples.map((sample) => ({ items: Array.from({ length: NODES }, () => sample), work: appraiseTee })),
  )
  const tell = (what: string, { perSecond, verifies }: Rate, budget: number) =>
    say(`${what}: ${perSecond}/s a core (budget at least ${budget}), ${verifies} bare P-256 verifications each`)
  tell(`TPM quote, log of ${ENTRIES}, whole`, whole, 1500)
  tell(`  its last ${NEWER} entries, the rest known`, suffix, 5000)
  const tee = Object.fromEntries(samples.map(({ tee: { kind } }, i) => [kind, reports[i]!]))
  for (const [kind, figures] of Object.entries(tee)) tell(`${kind} report`, figures, 300)
  if (samples.length === 0) say('reports of enclaves: not measured, as ../shared/samples/tee is not there')
  return { whole, suffix, tee }
}

/** Whether a sample is for us is not the matter here: its report data is its own. */
async function appraiseTee({ appraiser, tee, reportData, at }: TeeSample): Promise<void> {
  const { reason } = await appraiser.appraise(tee, reportData, at)
  const failed = reason.because?.find(({ id, status }) => status === 'fail' && !id.endsWith('/report-data'))
  if (failed) throw new Error(`${failed.id}: expected ${failed.expected}, found ${failed.found}`)
}

interface Work<T> {
  items: readonly T[]
  prepare?: (item: T) => Promise<void>
  work: (item: T) => Promise<void>
}

/** Takes all in turn, each right after bare verifications. */
async function ratesOf<T>(all: readonly Work<T>[]): Promise<Rate[]> {
  const found = all.map(() => ({ perSecond: [] as number[], verifies: [] as number[] }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { items, prepare, work }] of all.entries()) {
      for (const item of prepare ? items : []) await prepare!(item)
      const bare = bareVerifyMicros()
      const before = process.cpuUsage()
      for (let i = 0; i < items.length; i += TOGETHER) await Promise.all(items.slice(i, i + TOGETHER).map(work))
      const { user, system } = process.cpuUsage(before)
      const micros = (user + system) / items.length
      found[i]!.perSecond.push(1e6 / micros)
      found[i]!.verifies.push(micros / bare)
    }
  }
  return found.map(({ perSecond, verifies }) => ({
    perSecond: Math.round(median(perSecond)),
    verifies: Math.round(median(verifies) * 100) / 100,
  }))
}
