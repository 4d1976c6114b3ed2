import type { Round as LedgerRound } from '@teapot-network/ledger'
import {
  type Assurance,
  type Digest,
  type EvidenceType,
  type NodeId,
  type NodeRecord,
  type NodeStatus,
  type Outcome,
  type Reason,
  TeapotError,
  type Tier,
} from '@teapot-network/trust'
import { signVote, type Vote } from '@teapot-network/trust/vote'
import { pauseMs } from './clock.ts'
import type { PeerAppraisal } from './peer-verifier.ts'
import type { Promises } from './promises.ts'
import { addVote, ageOf, owesEvidence, type Round, type RoundParts } from './round.ts'

/** What the voting rule is told of one appraisal. */
export interface VoteFacts {
  tier: Tier
  /** What the runtime would vote. */
  outcome: Outcome
  /** The node's standing on the ledger. */
  status: NodeStatus
  type: EvidenceType
  assurance: Assurance
  /** Ids of the reasons that failed, leaves only. */
  failed: string[]
}

const ZERO = `0x${'00'.repeat(32)}` as Digest
const NOTHING_SEEN = { run: ZERO, boot: 0, evidence: ZERO, quote: ZERO }

/** Appraises one node until its evidence says something, or until its silence does, and votes on it; ends with the round at the latest. */
export function createJudge(parts: RoundParts, promises: Promises): (round: Round, id: NodeId) => Promise<void> {
  async function cast(
    { ledger, stop }: Round,
    node: NodeId,
    outcome: Outcome,
    seen: Pick<Vote, 'run' | 'boot' | 'evidence' | 'quote'>,
  ) {
    const { chainId, epoch } = ledger.facts
    const said = { node, outcome, ...seen }
    const vote: Vote = { chainId, attestation: parts.attestation, epoch: epoch.number, ...said }
    const signed = { voter: parts.self, ...said, signature: await signVote(vote, parts.voteKey) }
    // The book holds one epoch.
    if (stop.signal.aborted) return undefined
    await parts.book.add(epoch.number, signed)
    return signed
  }

  /** What to vote on this evidence now; silence is no vote yet. */
  async function weigh(
    ledger: LedgerRound,
    subject: NodeRecord,
    { verdict, type }: PeerAppraisal,
  ): Promise<{ outcome: Outcome; word: string }> {
    const until = promises.broken(ledger, subject.id)
    if (verdict.outcome === 'affirm' && until !== undefined) {
      return { outcome: 'silence', word: `expected its ballot by ${until}, found none that counts` }
    }
    if (verdict.outcome === 'silence') return { outcome: 'silence', word: verdict.summary }
    const { tier, outcome, assurance, reasons } = verdict
    const failed = reasons.flatMap(failedLeaves)
    const decided = await parts.decide({ tier, outcome, status: subject.status, type, assurance, failed })
    return { outcome: decided, word: verdict.summary }
  }

  return async function judge(round, id) {
    const { signal } = round.stop
    let lastWord = 'no answer'
    for (let tries = 0; !signal.aborted; tries++) {
      const { ledger } = round
      const subject = ledger.facts.nodes.find((node) => node.id === id)!
      try {
        const seen = await parts.verifier.appraise(subject, ledger.facts, signal)
        const { outcome, word } = await weigh(ledger, subject, seen)
        lastWord = word
        if (outcome !== 'silence') {
          await parts.keep(seen.bytes)
          round.appraised.set(id, seen)
          const { run, boot } = seen.verdict
          const vote = await cast(round, id, outcome, { run, boot, evidence: seen.evidence, quote: seen.quote })
          if (vote) addVote(round, vote)
          if (outcome === 'mismatch') parts.log.warn('mismatch', { node: id, summary: lastWord })
          return
        }
      } catch (error) {
        lastWord = (error as Error).message
        // Without a rule there is nothing to vote, silence neither.
        if (error instanceof TeapotError && error.code === 'attest/no-voting-rule') {
          await parts.clock.sleep(pauseMs(tries), signal)
          continue
        }
      }
      if (owesEvidence(subject) && ageOf(round.ledger.facts) >= parts.graceSeconds) {
        const vote = await cast(round, id, 'silence', NOTHING_SEEN)
        if (vote) addVote(round, vote)
        parts.log.warn('silence', { node: id, lastWord })
        return
      }
      await parts.clock.sleep(pauseMs(tries), signal)
    }
  }
}

function failedLeaves(reason: Reason): string[] {
  if (reason.status !== 'fail') return []
  const inner = (reason.because ?? []).flatMap(failedLeaves)
  return inner.length > 0 ? inner : [reason.id]
}
