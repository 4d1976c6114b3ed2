import {
  assigned,
  type Change,
  changeOf,
  LedgerRevert,
  type Round as LedgerRound,
  nextStatus,
  reviewed,
} from '@teapot-network/ledger'
import { type Digest, digestOf, type NodeId } from '@teapot-network/trust'
import { pauseMs } from './clock.ts'
import type { Gatherer } from './gathering.ts'
import { ageOf, allVotes, owesEvidence, type Round, type RoundParts, TURN_SECONDS, takeTurn } from './round.ts'
import { type CastVote, epochLeaves, findings, reportingOrder } from './tally.ts'

/** How long a round that could be closed is held open for nodes on their way in. */
const NEWCOMERS_MS = 4_000
/** So many changes a transaction, whose gas chains limit: were all in one, a crowd that joins at once would keep the epoch from ever closing. */
const CHANGES_AT_ONCE = 48

/** Puts rounds on the ledger: its own in turn, and whatever another's report left out. */
export interface Reporter {
  /** Whether it is this node's turn to close the epoch. */
  isMyTurn(ledger: LedgerRound): boolean
  /** Gathers until the round can be closed, then closes it; ends with the round at the latest. */
  close(round: Round): Promise<void>
  /** Brings, in its turn, what `votes` of a closed epoch decide and the ledger has not. */
  bringLeftOut(past: Round, votes: readonly CastVote[], now: Round): Promise<void>
}

export function createReporter(parts: RoundParts, { gatherSoon, counted }: Gatherer): Reporter {
  function changesOf(ledger: LedgerRound, votes: readonly CastVote[]): Change[] {
    const { chainId, epoch } = ledger.facts
    const common = { chainId, attestation: parts.attestation, epoch: epoch.number }
    return (
      findings(ledger, votes)
        // Node state is touched only when it changes.
        .filter((finding) => nextStatus(ledger, finding.node, { ...finding, epoch: epoch.number }))
        .map((finding) => changeOf(finding.votes.map((vote) => ({ ...vote, ...common }))))
    )
  }

  /** Whoever comes second is refused, at no loss. */
  async function unlessRefused(epoch: number, send: () => Promise<unknown>): Promise<void> {
    try {
      await send()
    } catch (error) {
      if (!(error instanceof LedgerRevert)) throw error
      parts.log.info('another report was faster, or a node moved: looked at again', { epoch, reason: error.message })
    }
  }

  return {
    isMyTurn(ledger) {
      const place = reportingOrder(ledger.facts).indexOf(parts.self)
      return place >= 0 && ageOf(ledger.facts) >= ledger.minEpochSeconds + place * TURN_SECONDS
    },
    async close(round) {
      const { signal } = round.stop
      const began = parts.clock.now()
      for (let tries = 0; ; tries++) {
        await gatherSoon(round, behind(round), signal)
        if (signal.aborted) return
        if (isComplete(round, parts.graceSeconds, parts.clock.now() - began)) break
        await parts.clock.sleep(pauseMs(tries), signal)
      }
      const votes = await counted(round, signal)
      const { number } = round.ledger.facts.epoch
      const checkpointOf = (evidence: Digest) => round.appraised.get(evidence)?.checkpoint
      const { root, document } = epochLeaves(number, findings(round.ledger, votes), checkpointOf)
      await parts.keep(document)
      const [changes = []] = batchesOf(round.ledger, changesOf(round.ledger, votes))
      const args = [number, root, digestOf(document), changes] as const
      const call = { contract: 'attestation', functionName: 'closeEpoch', args } as const
      if (!signal.aborted) await unlessRefused(number, () => parts.writer.send(call))
    },
    async bringLeftOut(past, votes, now) {
      const { epoch } = past.ledger.facts
      const leftOut = () => changesOf(reviewed(past.ledger, now.ledger), votes)
      if (leftOut().length === 0 || !(await takeTurn(parts, now))) return
      const changes = leftOut()
      if (changes.length === 0) return
      for (const { node } of changes)
        parts.log.warn('left out of the report, brought now', { node, epoch: epoch.number })
      for (const batch of batchesOf(now.ledger, changes)) {
        const call = { contract: 'attestation', functionName: 'report', args: [epoch.number, batch] as const } as const
        await unlessRefused(epoch.number, () => parts.writer.send(call))
      }
    },
  }
}

/** Cut into what one transaction takes; of nodes with a standing to lose first. */
function batchesOf({ facts }: LedgerRound, changes: readonly Change[]): Change[][] {
  const standing = new Set(facts.nodes.filter(owesEvidence).map(({ id }) => id))
  const urgentFirst = changes.toSorted((a, b) => Number(standing.has(b.node)) - Number(standing.has(a.node)))
  return Array.from({ length: Math.ceil(changes.length / CHANGES_AT_ONCE) }, (_, i) =>
    urgentFirst.slice(i * CHANGES_AT_ONCE, (i + 1) * CHANGES_AT_ONCE).sort((a, b) => (a.node < b.node ? -1 : 1)),
  )
}

/** The Verifiers of whom a vote is missing. */
function behind({ ledger, votes }: Round): NodeId[] {
  return ledger.facts.nodes.flatMap(({ id }) => assigned(ledger, id).filter((voter) => !votes.get(voter)?.has(id)))
}

/**
 * Whether the round can be closed: all who are assigned have voted on every node whose silence would count; nodes on their way in are
 * given a little longer; after the grace period, whatever there is, as long as there is anything.
 */
function isComplete(round: Round, graceSeconds: number, heldMs: number): boolean {
  const { ledger } = round
  const { facts } = ledger
  if (allVotes(round).length === 0) return false
  if (ageOf(facts) >= graceSeconds + TURN_SECONDS) return true
  // The very first round waits for all who registered.
  const running = facts.nodes.some(({ status }) => status === 'active')
  return facts.nodes.every((subject) => {
    const voters = assigned(ledger, subject.id)
    const given = voters.filter((voter) => round.votes.get(voter)?.has(subject.id)).length
    if (given === voters.length) return true
    if (owesEvidence(subject)) return false
    return (given === 0 && running) || heldMs >= NEWCOMERS_MS
  })
}
