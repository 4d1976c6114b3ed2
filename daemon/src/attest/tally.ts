import { entitled, votesNeeded } from '@teapot-network/ledger'
import {
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

/** Adds up equal votes; a node with no quorum for any outcome has no finding. */
export function findings(facts: LedgerFacts, votes: Iterable<CastVote>): Finding[] {
  const voters = new Set(entitled(facts).map((node) => node.id))
  const groups = new Map<string, Finding>()
  for (const vote of votes) {
    if (!voters.has(vote.voter) || vote.voter === vote.node) continue
    const { node, outcome, run, boot, evidence, quote } = vote
    const key = `${node} ${outcome} ${run} ${boot} ${evidence} ${quote}`
    const group = groups.get(key) ?? { node, outcome, run, boot, evidence, quote, votes: [] }
    if (!group.votes.some((other) => other.voter === vote.voter)) group.votes.push(vote)
    groups.set(key, group)
  }
  return [...groups.values()]
    .filter((group) => group.votes.length >= votesNeeded(facts, group.node))
    .map((group) => ({ ...group, votes: group.votes.sort((a, b) => (a.voter < b.voter ? -1 : 1)) }))
    .sort((a, b) => (a.node < b.node ? -1 : 1))
}

/** What an epoch puts on the ledger of all its findings: an RFC 9162 tree, one leaf a finding, ascending by node (spec/rounds.md §5). */
export function epochRoot(epoch: number, found: readonly Finding[]): Digest {
  const leaves = found.map(({ node, outcome, run, evidence }) =>
    leafHash(sha256(encodeCbor(['teapot/epoch/1', epoch, fromHex(node), outcome, fromHex(run), fromHex(evidence)]))),
  )
  return toHex(treeHash(leaves))
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
