import { assigned, entitled, type Round as LedgerRound, votesNeeded } from '@teapot-network/ledger'
import {
  type CborValue,
  type Digest,
  digestOf,
  EMPTY_ROOT,
  encodeCbor,
  fromHex,
  type Hex,
  type LedgerFacts,
  leafHash,
  type NodeId,
  nodeHash,
  type Outcome,
  sha256,
  toHex,
} from '@teapot-network/trust'

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

/** What enough equal votes say of one node. */
export interface Finding {
  node: NodeId
  outcome: Outcome
  run: Digest
  boot: number
  evidence: Digest
  quote: Digest
  /** Ascending by voter, as the ledger demands. */
  votes: CastVote[]
}

/** Whether two votes of one voter on one node in one epoch say the same; both signed, two that do not are equivocation. */
export function sayTheSame(a: CastVote, b: CastVote): boolean {
  return statementOf(a) === statementOf(b)
}

function statementOf({ node, outcome, run, boot, evidence, quote }: CastVote): string {
  return `${node} ${outcome} ${run} ${boot} ${evidence} ${quote}`
}

/** Adds up equal votes of those who are assigned; a node with no quorum for any outcome has no finding. */
export function findings(ledger: LedgerRound, votes: Iterable<CastVote>): Finding[] {
  const groups = new Map<string, Finding>()
  for (const vote of votes) {
    const { node, outcome, run, boot, evidence, quote } = vote
    const key = statementOf(vote)
    const group = groups.get(key) ?? { node, outcome, run, boot, evidence, quote, votes: [] }
    if (!group.votes.some((other) => other.voter === vote.voter)) group.votes.push(vote)
    groups.set(key, group)
  }
  return [...groups.values()]
    .map((group) => ({ ...group, votes: votesThatCount(ledger, group) }))
    .filter((group) => group.votes.length >= votesNeeded(ledger, group.node))
    .sort((a, b) => (a.node < b.node ? -1 : 1))
}

function votesThatCount(ledger: LedgerRound, { node, votes }: Finding): CastVote[] {
  const voters = assigned(ledger, node)
  return votes
    .filter(({ voter }) => voter !== node && voters.includes(voter))
    .sort((a, b) => (a.voter < b.voter ? -1 : 1))
}

/** What an epoch puts on the ledger: the root over its findings, and the document with the leaves that the root is made of. */
export interface EpochLeaves {
  /** RFC 9162 tree, one leaf a finding, ascending by node (spec/rounds.md §5). */
  root: Digest
  /** CBOR array of the leaves; its digest is its CID. */
  document: Uint8Array
}

/** Writes down an epoch's findings. */
export function epochLeaves(epoch: number, found: readonly Finding[]): EpochLeaves {
  const leaves = found.map(({ node, outcome, run, evidence }): CborValue[] => {
    return ['teapot/epoch/1', epoch, fromHex(node), outcome, fromHex(run), fromHex(evidence)]
  })
  const hashes = leaves.map((leaf) => leafHash(sha256(encodeCbor(leaf))))
  return { root: toHex(treeHash(hashes)), document: encodeCbor(leaves) }
}

function treeHash(hashes: Uint8Array[]): Uint8Array {
  if (hashes.length < 2) return hashes[0] ?? EMPTY_ROOT
  const left = 2 ** Math.floor(Math.log2(hashes.length - 1))
  return nodeHash(treeHash(hashes.slice(0, left)), treeHash(hashes.slice(left)))
}

/** Entitled voters in the order in which they are to report this epoch: the first at once, the others if it does not. */
export function reportingOrder(facts: LedgerFacts): NodeId[] {
  const rank = (id: NodeId) => digestOf(fromHex(`${facts.epoch.seed}${id.slice(2)}`))
  return entitled(facts)
    .map((node) => ({ id: node.id, rank: rank(node.id) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ id }) => id)
}
