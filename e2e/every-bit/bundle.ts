import { readFileSync } from 'node:fs'
import { type Part, region, type Span, toldId } from '../../trust/genuine/parts.ts'
import {
  type CborValue,
  concatBytes,
  encodeCbor,
  fromHex,
  type ProofExpectation,
  type ProofVerdict,
  parseBundle,
  type ReliedFacts,
  verifyProof,
} from '../../trust/src/index.ts'

const FOLDER = new URL('../../spec/vectors/', import.meta.url)
const FILE = 'standing.proof'
const BROKEN = /^((proof|quote|identity|endorsement|provisioned|runtime|log)\/|freshness$)/
const PAST = 'of a past block the caller has no record to compare, and nothing that the proof says follows from it'

/** Every byte of a saved proof of trust: one that is confirmed and anchored, so that there is one of each part. */
export async function bundleParts(): Promise<Part[]> {
  const bytes = new Uint8Array(readFileSync(new URL(FILE, FOLDER)))
  const expected = expectationOf(FILE)
  const genuine = await verifyProof(bytes, expected)
  const idOf = async (altered: Uint8Array) => {
    const verdict = await verifyProof(altered, expected)
    const failed = toldId([...verdict.reasons, ...verdict.children.flatMap(({ reasons }) => reasons)])
    if (verdict.tier !== 'affirming') return failed ?? `${verdict.tier} without a reason`
    const { standing } = verdict
    if (sayingsOf(verdict) === sayingsOf(genuine)) return undefined
    // What the caller cannot compare with the ledger counts for nothing, and is said to.
    const less = { ...genuine, standing: { confirmed: standing.confirmed, anchored: null } }
    return sayingsOf(verdict) === sayingsOf(less) ? 'proof/unanchored' : `says ${sayingsOf(verdict)}`
  }
  const { claims, salt, receipt, evidence, policy, facts, confirmation, anchor } = parseBundle(bytes)
  const parts = {
    claims,
    salt,
    receipt,
    evidence,
    policy,
    'later evidence': confirmation!.evidence,
    anchor: anchor!.leaf,
  }
  const buffer = Buffer.from(bytes)
  const places = Object.entries(parts).map(([name, part]) => {
    const from = buffer.indexOf(part)
    return region(name, from, from + part.length, BROKEN)
  })
  const later = buffer.indexOf('confirmation')
  const shown = [...incomparable(buffer, facts, 0), ...incomparable(buffer, confirmation!.facts, later)]
  const past = { name: 'facts of the past', spans: shown, ids: BROKEN, free: PAST }
  const taken = [...places, past].flatMap(({ spans }) => spans).sort(([a], [b]) => a - b)
  const rest = [...taken, [bytes.length] as const].map(([end], i): Span => [taken[i - 1]?.[1] ?? 0, end])
  const others = { name: 'facts, paths and heads', spans: rest, ids: BROKEN }
  return [{ sample: `spec/vectors/${FILE}`, part: 'bundle', bytes, regions: [...places, others, past], idOf }]
}

/** Number and time of a block, the time of an epoch, and how many endpoints agreed (spec/proof.md §7.2). */
function incomparable(bundle: Buffer, { block, epoch, obtained }: ReliedFacts, from: number): Span[] {
  const spanOf = (key: string, values: CborValue[], index: number): Span => {
    const before = concatBytes(
      encodeCbor(key),
      encodeCbor(values).subarray(0, 1),
      ...values.slice(0, index).map(encodeCbor),
    )
    const start = bundle.indexOf(concatBytes(encodeCbor(key), encodeCbor(values)), from)
    return [start + before.length, start + before.length + encodeCbor(values[index]!).length]
  }
  const blockOf = [block.number, fromHex(block.hash), block.timestamp]
  const epochOf = [epoch.number, fromHex(epoch.seed), epoch.openedAt]
  const agreement = [obtained.agreed, obtained.asked]
  return [
    ...[0, 2].map((index) => spanOf('block', blockOf, index)),
    spanOf('epoch', epochOf, 2),
    ...[0, 1].map((index) => spanOf('obtained', agreement, index)),
  ]
}

/** Claims and standing: all that a proof says. */
function sayingsOf({ claims, standing }: ProofVerdict): string {
  return JSON.stringify({ claims, standing }, (_, value) => (value instanceof Uint8Array ? [...value] : value))
}

/** What the vector's caller knows. */
function expectationOf(file: string): ProofExpectation {
  const { ledgers, vectors } = JSON.parse(readFileSync(new URL('vectors.json', FOLDER), 'utf8'))
  const { ledger, request, response } = vectors.find((one: { file: string }) => one.file === file)
  const unhex = (call: { payload: string }) => ({ ...call, payload: fromHex(call.payload) })
  return { ...ledgers[ledger], request: unhex(request), response: unhex(response) }
}
