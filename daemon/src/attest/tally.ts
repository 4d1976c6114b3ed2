import { assigned, entitled, type Round as LedgerRound, votesNeeded } from '@teapot-network/ledger'
import {
  type CheckpointSummary,
  type Digest,
  decodeCbor,
  digestOf,
  encodeCbor,
  fromHex,
  type Hex,
  type LedgerFacts,
  leafHash,
  type NodeId,
  type Outcome,
  sha256,
  toHex,
} from '@teapot-network/trust'
import { encodeEpochLeaf, treeRoot } from '@teapot-network/trust/encode'

/** A Verifier's signed word on one node in one epoch; the signature has been checked. */
export interface CastVote {
  voter: NodeId
  node: NodeId
  outcome: Outcome
  run: Digest
  boot: number
  evidence: Digest
  quote: Digest
  signature: Hex
}

/** What enough votes say of one node; of what those of a mismatch name, what most of them do. */
export interface Finding extends Omit<CastVote, 'voter' | 'signature'> {
  /** First those that name the most named; the ledger takes its boot from them. */
  votes: CastVote[]
}

/** Whether two votes of one voter on one node in one epoch say the same; both signed, two that do not are equivocation. */
export function sayTheSame(a: CastVote, b: CastVote): boolean {
  return statementOf(a) === statementOf(b)
}

function statementOf({ node, outcome, run, boot, evidence, quote }: CastVote): string {
  return `${node} ${outcome} ${run} ${boot} ${evidence} ${quote}`
}

/**
 * Adds up the votes of those who are assigned: equal ones, and mismatches whatever evidence they name, so that nobody is safe by showing each
 * Verifier another (spec/rounds.md §4.5). A node with no quorum for any outcome has no finding.
 */
export function findings(ledger: LedgerRound, votes: Iterable<CastVote>): Finding[] {
  const groups = new Map<string, CastVote[]>()
  for (const vote of votes) {
    const key = vote.outcome === 'mismatch' ? `${vote.node} mismatch` : statementOf(vote)
    const group = groups.getOrInsert(key, [])
    const mayVote = vote.voter !== vote.node && assigned(ledger, vote.node).includes(vote.voter)
    if (mayVote && !group.some(({ voter }) => voter === vote.voter)) group.push(vote)
  }
  return [...groups.values()]
    .filter((group) => group.length > 0 && group.length >= votesNeeded(ledger, group[0]!.node))
    .map((group): Finding => {
      const votes = mostNamedFirst(group)
      const { node, outcome, run, boot, evidence, quote } = votes[0]!
      return { node, outcome, run, boot, evidence, quote, votes }
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1))
}

function mostNamedFirst(votes: readonly CastVote[]): CastVote[] {
  const namedBy = (vote: CastVote) => votes.filter((other) => sayTheSame(other, vote)).length
  const place = (vote: CastVote) => `${statementOf(vote)} ${vote.voter}`
  return votes.toSorted((a, b) => namedBy(b) - namedBy(a) || (place(a) < place(b) ? -1 : 1))
}

/** What an epoch puts on the ledger: the root over its findings, and the document with the leaves that the root is made of. */
export interface EpochLeaves {
  /** RFC 9162 tree, one leaf a finding, ascending by node (spec/rounds.md §4.3). */
  root: Digest
  /** CBOR array of the leaves; its digest is its CID. */
  document: Uint8Array
}

/** Writes down an epoch's findings, each with the checkpoint that its evidence quotes. */
export function epochLeaves(
  epoch: number,
  found: readonly Finding[],
  checkpointOf: (evidence: Digest) => CheckpointSummary | undefined,
): EpochLeaves {
  const leaves = found.map(({ node, outcome, run, evidence }) => {
    return encodeEpochLeaf({ epoch, node, outcome, run, evidence, checkpoint: checkpointOf(evidence) ?? null })
  })
  const hashes = leaves.map((leaf) => leafHash(sha256(leaf)))
  return { root: toHex(treeRoot(hashes)), document: encodeCbor(leaves.map(decodeCbor)) }
}

/** Entitled voters in the order in which they are to report this epoch: the first at once, the others if it does not. */
export function reportingOrder(facts: LedgerFacts): NodeId[] {
  const rank = (id: NodeId) => digestOf(fromHex(`${facts.epoch.seed}${id.slice(2)}`))
  return entitled(facts)
    .map((node) => ({ id: node.id, rank: rank(node.id) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ id }) => id)
}
