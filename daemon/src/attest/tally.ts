import {
  type Digest,
  digestOf,
  encodeCbor,
  fromHex,
  type Hex,
  type LedgerFacts,
  type NodeId,
  type NodeRecord,
  type NodeStatus,
  type Outcome,
} from '@teapot-network/trust'

/** A Verifier's signed word on one node in one epoch; the signature has been checked. */
export interface CastVote {
  voter: NodeId
  node: NodeId
  outcome: Outcome
  run: Digest
  boot: number
  evidence: Digest
  signature: Hex
}

/** What enough equal votes say of one node. */
export interface Finding {
  node: NodeId
  outcome: Outcome
  run: Digest
  boot: number
  evidence: Digest
  /** Ascending by voter, as the ledger demands. */
  votes: CastVote[]
}

/** Who may vote in the epoch of these facts: Active nodes, and the genesis set while Pending (spec/trust-model.md §5). */
export function entitledVoters(facts: LedgerFacts): NodeRecord[] {
  return facts.nodes.filter((node) => node.status === 'active' || (node.genesis && node.status === 'pending'))
}

/** Votes needed on a subject: two thirds of all entitled others, at least one. */
export function quorum(facts: LedgerFacts, subject: NodeId): number {
  const others = entitledVoters(facts).filter((node) => node.id !== subject).length
  return Math.max(1, Math.ceil((others * 2) / 3))
}

/** Adds up equal votes; a node with no quorum for any outcome has no finding. */
export function findings(facts: LedgerFacts, votes: Iterable<CastVote>): Finding[] {
  const entitled = new Set(entitledVoters(facts).map((node) => node.id))
  const groups = new Map<string, Finding>()
  for (const vote of votes) {
    if (!entitled.has(vote.voter) || vote.voter === vote.node) continue
    const { node, outcome, run, boot, evidence } = vote
    const key = `${node} ${outcome} ${run} ${boot} ${evidence}`
    const group = groups.get(key) ?? { node, outcome, run, boot, evidence, votes: [] }
    if (!group.votes.some((other) => other.voter === vote.voter)) group.votes.push(vote)
    groups.set(key, group)
  }
  return [...groups.values()]
    .filter((group) => group.votes.length >= quorum(facts, group.node))
    .map((group) => ({ ...group, votes: group.votes.sort((a, b) => (a.voter < b.voter ? -1 : 1)) }))
    .sort((a, b) => (a.node < b.node ? -1 : 1))
}

/** Whether the ledger has to be told: node state is touched only when it changes. */
export function changesStatus(node: NodeRecord, finding: Finding): boolean {
  const moves: Record<NodeStatus, readonly Outcome[]> = {
    pending: ['affirm', 'mismatch'],
    active: ['mismatch', 'silence'],
    inactive: ['affirm', 'mismatch'],
    upgrading: ['affirm', 'mismatch', 'silence'],
    suspect: ['affirm', 'mismatch', 'silence'],
    quarantined: ['affirm'],
    retired: [],
  }
  if (node.status === 'quarantined' && finding.boot === node.quarantinedBoot) return false
  return moves[node.status].includes(finding.outcome)
}

/** What an epoch's root commits to, one leaf a finding (spec/ledger.md). */
export function epochLeaf(epoch: number, finding: Finding): Uint8Array {
  const { node, outcome, run, evidence } = finding
  return fromHex(
    digestOf(encodeCbor(['teapot/epoch/1', epoch, fromHex(node), outcome, fromHex(run), fromHex(evidence)])),
  )
}

/** Entitled voters in the order in which they are to report this epoch: the first at once, the others if it does not. */
export function reportingOrder(facts: LedgerFacts): NodeId[] {
  const rank = (id: NodeId) => digestOf(fromHex(`${facts.epoch.seed}${id.slice(2)}`))
  return entitledVoters(facts)
    .map((node) => ({ id: node.id, rank: rank(node.id) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ id }) => id)
}
