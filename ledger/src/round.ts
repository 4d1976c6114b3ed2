import type { Digest, Hex, LedgerFacts, NodeId, NodeRecord, NodeStatus, Outcome } from '@teapot-network/trust'
import type { Vote } from '@teapot-network/trust/vote'
import { OUTCOME_CODE } from '@teapot-network/trust/vote'
import type { Round } from './facts.ts'

/** A quorum's say about one node, as `closeEpoch` and `report` take it. */
export interface Change {
  node: NodeId
  outcome: number
  /** What the votes name; more than one only for a mismatch. */
  seen: { run: Digest; boot: number; evidence: Digest; quote: Digest }[]
  /** Ascending by voter. */
  votes: { voter: NodeId; r: Hex; s: Hex }[]
  /** Which of `seen` each vote names; empty where there is one. */
  seenBy: number[]
}

/** A vote, whose it is, and its signature: r‖s, 64 bytes. */
export type SignedVote = Vote & { voter: NodeId; signature: Hex }

/** The nodes that may vote: all Active, and the Pending ones of the genesis set (spec/ledger.md §7.2). */
export function entitled(facts: LedgerFacts): NodeRecord[] {
  return facts.nodes.filter((node) => node.status === 'active' || (node.status === 'pending' && node.genesis))
}

/**
 * Where a quorum on this outcome takes the node, as the contract decides it (spec/ledger.md §8); `undefined` where the contract
 * refuses, so that a reporter leaves it out. An Active node that stays Active is marked silent.
 */
export function nextStatus(
  round: Round,
  id: NodeId,
  vote: { epoch: number; outcome: Outcome; boot: number },
): NodeStatus | undefined {
  const node = round.facts.nodes.find((one) => one.id === id)
  const standing = round.standings.get(id)
  if (!node || !standing || vote.epoch <= standing.lastEpoch) return undefined
  const out = node.status === 'quarantined' || node.status === 'retired'
  if (vote.outcome === 'affirm') {
    if (!standing.bonded || standing.ekTaken) return undefined
    if (node.status === 'quarantined') return vote.boot === node.quarantinedBoot ? undefined : 'active'
    return node.status === 'active' || out ? undefined : 'active'
  }
  if (node.status === 'suspect') return 'quarantined'
  if (vote.outcome === 'mismatch') return out ? undefined : 'suspect'
  if (node.status !== 'active') return undefined
  return standing.silent && standing.lastEpoch + 1 === vote.epoch ? 'inactive' : 'active'
}

/**
 * Puts the votes of one epoch on one node, equal in outcome, into the contract's form. What stands first of the things that they name is the
 * first vote's: its boot is the one that a mismatch leaves on the node.
 */
export function changeOf(votes: readonly SignedVote[]): Change {
  const { node, outcome } = votes[0]!
  const key = ({ run, boot, evidence, quote }: Vote) => `${run} ${boot} ${evidence} ${quote}`
  const seen = new Map(votes.map((vote) => [key(vote), seenOf(vote)]))
  const places = [...seen.keys()]
  const ascending = [...votes].sort((a, b) => (a.voter < b.voter ? -1 : 1))
  return {
    node,
    outcome: OUTCOME_CODE[outcome],
    seen: [...seen.values()],
    votes: ascending.map(ballotOf),
    seenBy: seen.size < 2 ? [] : ascending.map((vote) => places.indexOf(key(vote))),
  }
}

/** A vote and its signature as a dispute takes them. */
export function statementOf(vote: SignedVote) {
  const outcome: number = OUTCOME_CODE[vote.outcome]
  return [{ epoch: vote.epoch, node: vote.node, outcome, ...seenOf(vote) }, ballotOf(vote)] as const
}

function seenOf({ run, boot, evidence, quote }: Vote): Change['seen'][number] {
  return { run, boot, evidence, quote }
}

function ballotOf({ voter, signature }: SignedVote): Change['votes'][number] {
  return { voter, r: signature.slice(0, 66) as Hex, s: `0x${signature.slice(66)}` }
}
