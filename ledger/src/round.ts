import type { Digest, Hex, LedgerFacts, NodeId, NodeRecord, NodeStatus, Outcome } from '@teapot-network/trust'
import type { Vote } from '@teapot-network/trust/vote'
import { OUTCOME_CODE } from '@teapot-network/trust/vote'
import type { Round } from './ledger.ts'

/** A quorum's say about one node, as `closeEpoch` and `report` take it. */
export interface Change {
  node: NodeId
  outcome: number
  run: Digest
  boot: number
  evidence: Digest
  quote: Digest
  votes: { voter: NodeId; r: Hex; s: Hex }[]
}

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
    if (!standing.bonded) return undefined
    if (node.status === 'quarantined') return vote.boot === node.quarantinedBoot ? undefined : 'active'
    return node.status === 'active' || out ? undefined : 'active'
  }
  if (node.status === 'suspect') return 'quarantined'
  if (vote.outcome === 'mismatch') return out ? undefined : 'suspect'
  if (node.status !== 'active') return undefined
  return standing.silent && standing.lastEpoch + 1 === vote.epoch ? 'inactive' : 'active'
}

/** Puts a vote and the signatures over it (r‖s, 64 bytes) into the contract's form, voters in ascending order. */
export function changeOf(vote: Vote, signatures: readonly { voter: NodeId; signature: Hex }[]): Change {
  const votes = signatures.map(({ voter, signature }) => ({
    voter,
    r: signature.slice(0, 66) as Hex,
    s: `0x${signature.slice(66)}` as Hex,
  }))
  return {
    node: vote.node,
    outcome: OUTCOME_CODE[vote.outcome],
    run: vote.run,
    boot: vote.boot,
    evidence: vote.evidence,
    quote: vote.quote,
    votes: votes.sort((a, b) => (a.voter < b.voter ? -1 : 1)),
  }
}
