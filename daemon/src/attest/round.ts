import { assigned, entitled, type Round as LedgerRound, type TransactionQueue } from '@teapot-network/ledger'
import type {
  Address,
  Assurance,
  Digest,
  EvidenceType,
  LedgerFacts,
  NodeId,
  NodeRecord,
  NodeStatus,
  Outcome,
  Tier,
} from '@teapot-network/trust'
import type { Lattice } from '../lattice/lattice.ts'
import type { Log } from '../log.ts'
import type { Attendance } from './attendance.ts'
import type { Ballot } from './ballot.ts'
import type { CheckpointBook } from './checkpoint-book.ts'
import { type Clock, FIRST_PAUSE_MS } from './clock.ts'
import type { EvidenceSource } from './evidence-source.ts'
import type { PeerAppraisal, PeerVerifier } from './peer-verifier.ts'
import { type CastVote, reportingOrder, sayTheSame } from './tally.ts'
import type { VoteBook } from './vote-book.ts'

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

/** What a node takes part in rounds with. */
export interface RoundParts {
  self: NodeId
  attestation: Address
  voteKey: CryptoKey
  /** A node that showed nothing for so long after the epoch opened, by the ledger's clock, is reported silent. */
  graceSeconds: number
  source: EvidenceSource
  verifier: PeerVerifier
  lattice: Pick<Lattice, 'request'>
  clock: Clock
  /** What was seen of others' receipt logs, on disk. */
  checkpoints: CheckpointBook
  /** Who was silent again and again, on disk. */
  attendance: Attendance
  /** Own votes, on disk. */
  book: VoteBook
  /** Whether this node has all that the ledger tells it to have, so that its evidence can pass. */
  provisioned(): boolean
  /** The voting rule in force; asked only where evidence says something. */
  decide(facts: VoteFacts): Promise<Outcome>
  writer: Pick<TransactionQueue, 'send'>
  /** Keeps a block retrievable by its CID, which is its digest. */
  keep(block: Uint8Array): Promise<void>
  /** Brings such a block from this node's store, from the node named, or from anyone; rejects when nobody serves it. */
  fetch(digest: Digest, from: NodeRecord | undefined, signal: AbortSignal): Promise<Uint8Array>
  log: Log
}

/** What this node knows of one epoch. */
export interface Round {
  /** What the ledger said last while the epoch was open. */
  ledger: LedgerRound
  /** Aborts when the epoch is over. */
  stop: AbortController
  /** What was begun in it: subjects by node id, and `show`, `review`, `close`. */
  begun: Set<string>
  /** Evidence that was appraised here, by its digest: what peers showed, and what others' votes name. */
  appraised: Map<Digest, PeerAppraisal>
  /** The nodes of whom evidence of this epoch came here, over whom ever. */
  there: Set<NodeId>
  /** voter → subject → vote, signatures checked. */
  votes: Map<NodeId, Map<NodeId, CastVote>>
  /** The fullest ballot of each peer. */
  ballots: Map<NodeId, Ballot>
  /** Two votes of one voter on one node that differ; one such pair a voter. */
  doubles: Map<NodeId, [CastVote, CastVote]>
  /** Of whom the log said that their votes do not count. */
  refused: Set<NodeId>
}

/** Seconds that the next in line waits for the one before it. */
export const TURN_SECONDS = 6

export function createRound(ledger: LedgerRound, self: NodeId, own: readonly CastVote[]): Round {
  return {
    ledger,
    stop: new AbortController(),
    begun: new Set(),
    appraised: new Map(),
    there: new Set(),
    votes: new Map([[self, new Map(own.map((vote) => [vote.node, vote]))]]),
    ballots: new Map(),
    doubles: new Map(),
    refused: new Set(),
  }
}

/** Takes a vote in; the first of a voter on a node counts, another that differs is kept against it. */
export function addVote(round: Round, vote: CastVote): void {
  const votes = round.votes.get(vote.voter) ?? new Map<NodeId, CastVote>()
  round.votes.set(vote.voter, votes)
  const known = votes.get(vote.node)
  if (!known) votes.set(vote.node, vote)
  else if (!sayTheSame(known, vote) && !round.doubles.has(vote.voter)) round.doubles.set(vote.voter, [known, vote])
}

/** Remembers genuine evidence of this epoch. */
export function noteSeen({ appraised, there }: Round, seen: PeerAppraisal): void {
  appraised.set(seen.evidence, seen)
  there.add(seen.node)
}

export function allVotes(round: Round): CastVote[] {
  return [...round.votes.values()].flatMap((votes) => [...votes.values()])
}

/** Seconds of ledger time since the epoch opened. */
export function ageOf({ block, epoch }: LedgerFacts): number {
  return block.timestamp - epoch.openedAt
}

/** The nodes whose silence would count: those that had a standing to lose. */
export function owesEvidence({ status }: LedgerFacts['nodes'][number]): boolean {
  return status === 'active' || status === 'suspect'
}

/** The Verifiers that a node has to do with in an epoch: those it votes on, those who vote on the same, and those who vote on it. */
export function acquaintances(ledger: LedgerRound, node: NodeId): Set<NodeId> {
  const met = new Set(assigned(ledger, node))
  for (const { id } of ledger.facts.nodes) {
    const voters = assigned(ledger, id)
    if (voters.includes(node)) for (const one of [id, ...voters]) met.add(one)
  }
  const voters = new Set(entitled(ledger.facts).map(({ id }) => id))
  return met.intersection(voters)
}

/** Waits a second for each before this node in the order of reporters, so that not all do the same at once. @returns whether its turn came */
export async function takeTurn({ self, clock }: RoundParts, round: Round): Promise<boolean> {
  const { signal } = round.stop
  const place = reportingOrder(round.ledger.facts).indexOf(self)
  while (place >= 0 && !signal.aborted) {
    if (ageOf(round.ledger.facts) >= place) return true
    await clock.sleep(FIRST_PAUSE_MS, signal)
  }
  return false
}
