import {
  type Digest,
  type NodeId,
  type NodeRecord,
  type Outcome,
  type Reason,
  TeapotError,
} from '@teapot-network/trust'
import { signVote, type Vote } from '@teapot-network/trust/vote'
import { pauseMs } from './clock.ts'
import type { Missed } from './duties.ts'
import type { PeerAppraisal } from './peer-verifier.ts'
import { addVote, ageOf, noteSeen, owesEvidence, type Round, type RoundParts } from './round.ts'
import { createWitnesses } from './witnesses.ts'

const ZERO = `0x${'00'.repeat(32)}` as Digest
const UNABLE = ['attest/no-policy', 'attest/no-voting-rule']
/** So many appraisals of nodes without a standing at a time: a crowd that registered and answers nobody is not to stand in the way of the others. */
const NEWCOMERS_AT_ONCE = 32
const NOTHING_SEEN = { run: ZERO, boot: 0, evidence: ZERO, quote: ZERO }

/**
 * Appraises one node until its evidence says something, or until its silence does, and votes on it; ends with the round at the latest.
 * `past` is the round before, where this node took part in it.
 */
export type Judge = (round: Round, id: NodeId, past: Round | undefined) => Promise<void>

export function createJudge(parts: RoundParts, missedVotes: Missed): Judge {
  const hear = createWitnesses(parts)
  const inPlace = createPlaces(NEWCOMERS_AT_ONCE)

  async function cast(round: Round, node: NodeId, outcome: Outcome, seen = NOTHING_SEEN): Promise<void> {
    const { ledger, stop } = round
    const { chainId, epoch } = ledger.facts
    const said = { node, outcome, ...seen }
    const vote: Vote = { chainId, attestation: parts.attestation, epoch: epoch.number, ...said }
    const signed = { voter: parts.self, ...said, signature: await signVote(vote, parts.voteKey) }
    // The book holds one epoch.
    if (stop.signal.aborted) return
    await parts.book.add(epoch.number, signed)
    addVote(round, signed)
  }

  /** What to vote on this evidence now; silence is no vote yet. */
  async function weigh(
    subject: NodeRecord,
    { verdict, type }: PeerAppraisal,
    past: Round | undefined,
    signal: AbortSignal,
  ): Promise<{ outcome: Outcome; word: string }> {
    if (verdict.outcome === 'affirm' && subject.status === 'active') {
      const missed = parts.attendance.missed(subject.id) ?? (past && (await missedVotes(past, subject.id, signal)))
      if (missed) return { outcome: 'silence', word: missed }
    }
    if (verdict.outcome === 'silence') return { outcome: 'silence', word: verdict.summary }
    const { tier, outcome, assurance, reasons } = verdict
    const failed = reasons.flatMap(failedLeaves)
    const decided = await parts.decide({ tier, outcome, status: subject.status, type, assurance, failed })
    return { outcome: decided, word: verdict.summary }
  }

  return async function judge(round, id, past) {
    const { signal } = round.stop
    let lastWord = 'no answer'
    const known = round.ledger.facts.nodes.find((node) => node.id === id)!
    if (known.status !== 'pending') await hear(round, past, known)
    for (let tries = 0; !signal.aborted; tries++) {
      const { ledger } = round
      const subject = ledger.facts.nodes.find((node) => node.id === id)!
      try {
        const look = () => parts.verifier.appraise(subject, ledger.facts, signal)
        const seen = await (owesEvidence(subject) ? look() : inPlace(look))
        if (seen.verdict.outcome !== 'silence') {
          await parts.keep(seen.bytes)
          noteSeen(round, seen)
        }
        const { outcome, word } = await weigh(subject, seen, past, signal)
        lastWord = word
        if (outcome !== 'silence') {
          const { run, boot } = seen.verdict
          await cast(round, id, outcome, { run, boot, evidence: seen.evidence, quote: seen.quote })
          if (outcome === 'mismatch') parts.log.warn('mismatch', { node: id, summary: lastWord })
          return
        }
      } catch (error) {
        lastWord = (error as Error).message
        // Without policy or rule there is nothing to vote, silence neither: the subject did nothing.
        if (error instanceof TeapotError && UNABLE.includes(error.code)) {
          await parts.clock.sleep(pauseMs(tries), signal)
          continue
        }
      }
      if (owesEvidence(subject) && ageOf(round.ledger.facts) >= parts.graceSeconds) {
        await cast(round, id, 'silence')
        parts.log.warn('silence', { node: id, lastWord })
        return
      }
      await parts.clock.sleep(pauseMs(tries), signal)
    }
  }
}

/** Runs so much at a time; what comes besides waits its turn. */
function createPlaces(places: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let taken = 0
  return async (work) => {
    if (taken < places) taken++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else taken--
    }
  }
}

function failedLeaves(reason: Reason): string[] {
  if (reason.status !== 'fail') return []
  const inner = (reason.because ?? []).flatMap(failedLeaves)
  return inner.length > 0 ? inner : [reason.id]
}
