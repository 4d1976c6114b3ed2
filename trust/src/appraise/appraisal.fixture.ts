import { swtpm } from '../../vectors/swtpm.ts'
import { encodeLogRecord } from '../encode.ts'
import {
  type AppraisalExpectation,
  type AppraisalOptions,
  appraise,
  concatBytes,
  EntryKind,
  type Evidence,
  epochNonce,
  type Hex,
  type LedgerEntry,
  type LedgerFacts,
  type LogRecord,
  type NodeRecord,
  type Policy,
  parseEventLog,
  parseEvidence,
  parsePolicy,
  type Reason,
  type ReferenceValue,
  sha256,
  toHex,
  utf8,
  type Verdict,
} from '../index.ts'
import { failureOf } from './altered.fixture.ts'

/** An honest node's evidence, and what it is appraised by. */
export const evidence = parseEvidence(swtpm.evidence)
const { keys } = evidence
export const policy = parsePolicy(swtpm.policy)
export const facts = swtpm.facts()
export const records = parseEventLog(evidence.log)
/** A digest that is not the one expected. */
export const other: Hex = toHex(sha256(utf8('other')))
export const { actor, provider } = EntryKind

/** What is changed of an honest appraisal. */
export interface Change {
  evidence?: Partial<Evidence>
  expected?: Partial<AppraisalExpectation>
  policy?: Partial<Policy>
  options?: AppraisalOptions
  facts?: Partial<LedgerFacts>
  block?: Partial<LedgerFacts['block']>
  epoch?: Partial<LedgerFacts['epoch']>
  node?: Partial<NodeRecord>
  release?: Partial<ReferenceValue>
  /** Of the last entry of its kind. */
  entries?: Record<number, Partial<LedgerEntry>>
}

/** With other evidence. */
export const of = (evidence: Partial<Evidence>): Change => ({ evidence })

/** What the appraiser is given then. */
export function given(change: Change) {
  const changed = swtpm.facts()
  for (const part of ['block', 'epoch'] as const) Object.assign(changed[part], change[part])
  Object.assign(changed.nodes[0]!, change.node)
  Object.assign(changed.referenceValues[0]!, change.release)
  for (const [kind, entry] of Object.entries(change.entries ?? {})) {
    Object.assign(changed.entries.findLast((one) => one.kind === Number(kind))!, entry)
  }
  const expected = { node: evidence.node, nonce: epochNonce(facts.epoch.seed, 7, evidence.node), peerKey: keys.peer }
  return [
    ...([
      { ...evidence, ...change.evidence },
      { ...expected, ...change.expected },
    ] as const),
    ...([Object.assign(changed, change.facts), { ...policy, ...change.policy }] as const),
  ] as const
}

/** The verdict on changed evidence; each failed reason in it tells all four. */
export async function appraiseWith(change: Change = {}): Promise<Verdict> {
  const verdict = await appraise(...given(change), change.options)
  for (const reason of failedLeaves(verdict.reasons)) failureOf([reason])
  return verdict
}

function failedLeaves(reasons: readonly Reason[]): Reason[] {
  return reasons.flatMap((reason) =>
    reason.status !== 'fail' ? [] : reason.because ? failedLeaves(reason.because) : [reason],
  )
}
/** Ids of what failed at the bottom. */
export const failedIds = ({ reasons }: Verdict) => failedLeaves(reasons).map(({ id }) => id)

/** The reason of this id, however deep. */
export function find(reasons: readonly Reason[], id: string): Reason | undefined {
  for (const reason of reasons) {
    const found = reason.id === id ? reason : find(reason.because ?? [], id)
    if (found) return found
  }
  return undefined
}

/** A log of these records, numbered anew. */
export function logOf(some: readonly LogRecord[]): Uint8Array {
  return concatBytes(...some.map(({ pcr, content }, i) => encodeLogRecord(i, pcr, content)))
}

/** A log without its last entries, and one with an entry that no quote covers. */
export const cut = { log: logOf(records.slice(0, 5)) }
export const longer = { log: concatBytes(evidence.log, encodeLogRecord(records.length, 13, utf8('what nobody knows'))) }
