import { appraise, createKnownLog, type Evidence, type KnownLog } from '@teapot-network/trust'
import { median } from './host-open.ts'
import { createFleet, type FleetNode } from './trust-fleet.ts'
import { readTeeSamples, type TeeSample } from './trust-tee.ts'

/** Appraisals a second of processor time, all threads of the process counted: what one core does in a second. */
export interface TrustFigures {
  /** One TPM quote with a log of 200 entries, once it is parsed. */
  wholePerSecond: number
  /** The same, where all but the last 10 entries were known. */
  suffixPerSecond: number
  /** Reports of enclaves by maker, chains remembered; none where there are no samples. */
  teePerSecond: Record<string, number>
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
  const wholePerSecond = await rate(nodes, (node) => appraiseNode(node.whole, node))
  say(`TPM quote, log of ${ENTRIES}, whole: ${wholePerSecond}/s a core (budget at least 1500)`)
  const known = new Map<FleetNode, KnownLog>()
  const learn = async (node: FleetNode) => {
    known.set(node, createKnownLog())
    await appraiseNode(node.earlier, node, known.get(node))
  }
  const suffixPerSecond = await rate(nodes, (node) => appraiseNode(node.whole, node, known.get(node)), learn)
  say(`  its last ${NEWER} entries, the rest known: ${suffixPerSecond}/s a core (budget at least 5000)`)
  const teePerSecond: Record<string, number> = {}
  for (const sample of readTeeSamples()) {
    const { kind } = sample.tee
    teePerSecond[kind] = await rate(
      Array.from({ length: NODES }, () => sample),
      appraiseTee,
    )
    say(`${kind} report: ${teePerSecond[kind]}/s a core (budget at least 300)`)
  }
  if (Object.keys(teePerSecond).length === 0)
    say('reports of enclaves: not measured, as ../shared/samples/tee is not there')
  return { wholePerSecond, suffixPerSecond, teePerSecond }
}

/** Whether a sample is for us is not the matter here: its report data is its own. */
async function appraiseTee({ appraiser, tee, reportData, at }: TeeSample): Promise<void> {
  const { reason } = await appraiser.appraise(tee, reportData, at)
  const failed = reason.because?.find(({ id, status }) => status === 'fail' && !id.endsWith('/report-data'))
  if (failed) throw new Error(`${failed.id}: expected ${failed.expected}, found ${failed.found}`)
}

async function rate<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  prepare?: (item: T) => Promise<void>,
): Promise<number> {
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const item of prepare ? items : []) await prepare!(item)
    const before = process.cpuUsage()
    for (let i = 0; i < items.length; i += TOGETHER) await Promise.all(items.slice(i, i + TOGETHER).map(work))
    const { user, system } = process.cpuUsage(before)
    rates.push(items.length / ((user + system) / 1e6))
  }
  return Math.round(median(rates))
}
