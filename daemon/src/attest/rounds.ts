import { setTimeout as sleep } from 'node:timers/promises'
import { type Change, changeOf, entitled, type Round as LedgerRound, nextStatus } from '@teapot-network/ledger'
import {
  type Address,
  type Digest,
  encodeCbor,
  type Hex,
  type LedgerFacts,
  type NodeId,
  type NodeRecord,
  type Outcome,
  signVote,
  type Vote,
  verifyVote,
} from '@teapot-network/trust'
import type { Lattice } from '../lattice/lattice.ts'
import type { Log } from '../log.ts'
import { encodeBallot, parseBallot } from './ballot.ts'
import type { EvidenceSource } from './evidence-source.ts'
import type { PeerVerifier } from './peer-verifier.ts'
import { type CastVote, epochRoot, findings, reportingOrder } from './tally.ts'

export interface RoundParts {
  self: NodeId
  attestation: Address
  voteKey: CryptoKey
  /** A node that showed nothing for so long after the epoch opened, by the ledger's clock, is reported silent. */
  graceSeconds: number
  source: EvidenceSource
  verifier: PeerVerifier
  lattice: Lattice
  /** Whether this node has all that the ledger tells it to have, so that its evidence can pass. */
  provisioned(): boolean
  /** Puts a round's outcome on the ledger; resolves when it stands in a block. */
  report(epoch: number, root: Digest, changes: Change[]): Promise<void>
  /** Keeps evidence retrievable by its CID, else a vote on it would not count. */
  keep(evidence: Uint8Array): Promise<void>
  log: Log
}

/** The attestation clock of one node: shows evidence, appraises peers, votes, and reports when it is its turn (spec/rounds.md). */
export interface Rounds extends AsyncDisposable {
  /** Takes in what the ledger says now; returns quickly, work goes on behind it. */
  advance(ledger: LedgerRound): Promise<void>
  /** This node's votes of an epoch, encoded for a peer. @throws nothing; an epoch without votes is an empty ballot */
  ballot(epoch: number): Uint8Array
}

interface Round {
  ledger: LedgerRound
  /** Shorthand for what {@link ledger} holds. */
  facts: LedgerFacts
  stop: AbortController
  started: Set<NodeId>
  /** voter → subject → vote. */
  votes: Map<NodeId, Map<NodeId, CastVote>>
  shown: boolean
  /** When this node first knew of a vote in this round, in milliseconds. */
  firstVoteMs?: number
  /** Whether this node gathers votes to report them. */
  gathering: boolean
}

const RETRY_MS = 250
/** How long a round that could be closed is held open for nodes on their way in. */
const NEWCOMERS_MS = 4_000
/** Seconds that the next in line waits for the one before it to report. */
const REPORTER_TURN_SECONDS = 6
const ZERO = `0x${'00'.repeat(32)}` as Digest

export function createRounds(parts: RoundParts): Rounds {
  let round: Round | undefined
  const working = new Set<Promise<unknown>>()

  function background(work: Promise<unknown>): void {
    const tracked = work.catch((error) =>
      parts.log.warn('round work failed', { error: String(error?.message ?? error) }),
    )
    working.add(tracked)
    void tracked.finally(() => working.delete(tracked))
  }

  async function cast(
    current: Round,
    node: NodeId,
    outcome: Outcome,
    seen: Pick<Vote, 'run' | 'boot' | 'evidence' | 'quote'>,
  ): Promise<void> {
    const vote: Vote = {
      chainId: current.facts.chainId,
      attestation: parts.attestation,
      epoch: current.facts.epoch.number,
      node,
      outcome,
      ...seen,
    }
    const signature = await signVote(vote, parts.voteKey)
    votesOf(current, parts.self).set(node, { voter: parts.self, node, outcome, ...seen, signature })
  }

  /** Tries until the evidence says something, or until the node's silence does. */
  async function judge(current: Round, subject: NodeRecord): Promise<void> {
    const { signal } = current.stop
    let lastWord = 'no answer'
    while (!signal.aborted) {
      try {
        const { verdict, evidence, quote, bytes } = await parts.verifier.appraise(subject, current.facts, signal)
        lastWord = verdict.summary
        if (verdict.outcome !== 'silence') {
          if (bytes) await parts.keep(bytes)
          await cast(current, subject.id, verdict.outcome, { run: verdict.run, boot: verdict.boot, evidence, quote })
          if (verdict.outcome === 'mismatch') parts.log.warn('mismatch', { node: subject.id, summary: verdict.summary })
          return
        }
      } catch (error) {
        lastWord = (error as Error).message
      }
      const expected = subject.status === 'active' || subject.status === 'suspect'
      if (expected && age(current.facts) >= parts.graceSeconds) {
        await cast(current, subject.id, 'silence', { run: ZERO, boot: 0, evidence: ZERO, quote: ZERO })
        parts.log.warn('silence', { node: subject.id, lastWord })
        return
      }
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {})
    }
  }

  async function gather(current: Round): Promise<void> {
    const { facts } = current
    const peers = entitled(facts).filter((peer) => peer.id !== parts.self)
    await Promise.allSettled(
      peers.map(async (peer) => {
        const { p2p } = JSON.parse(peer.contact)
        const request = encodeCbor([facts.epoch.number])
        const { body } = await parts.lattice.request(p2p, 'votes', request, current.stop.signal)
        const known = votesOf(current, peer.id)
        for (const vote of parseBallot(peer.id, body)) {
          if (known.has(vote.node) || !(await holds(facts, vote, peer.voteKey))) continue
          known.set(vote.node, vote)
        }
      }),
    )
  }

  function holds(facts: LedgerFacts, vote: CastVote, voteKey: Hex): Promise<boolean> {
    const { voter: _, signature: __, ...said } = vote
    const statement = { ...said, chainId: facts.chainId, epoch: facts.epoch.number }
    return verifyVote({ ...statement, attestation: parts.attestation }, vote.signature, voteKey)
  }

  /** Gathers until the round can be closed, then reports it; ends with the round at the latest. */
  async function gatherAndReport(current: Round): Promise<void> {
    const { signal } = current.stop
    for (;;) {
      await gather(current)
      if (signal.aborted) return
      if (complete(current, parts)) break
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {})
    }
    const { facts } = current
    const epoch = facts.epoch.number
    const found = findings(facts, allVotes(current))
    const changes = found.flatMap((finding) => {
      // Node state is touched only when it changes.
      if (!nextStatus(current.ledger, finding.node, { ...finding, epoch })) return []
      return [changeOf({ ...finding, epoch, chainId: facts.chainId, attestation: parts.attestation }, finding.votes)]
    })
    await parts.report(epoch, epochRoot(epoch, found), changes)
  }

  return {
    async advance(ledger) {
      const { facts } = ledger
      if (round?.facts.epoch.number !== facts.epoch.number) {
        round?.stop.abort()
        const stop = new AbortController()
        round = {
          ledger,
          facts,
          stop,
          started: new Set(),
          votes: new Map(),
          shown: false,
          gathering: false,
        }
      }
      const current = round
      current.ledger = ledger
      current.facts = facts
      if (!current.shown && parts.provisioned()) {
        current.shown = true
        await parts.source.renew(facts)
      }
      if (!entitled(facts).some((node) => node.id === parts.self)) return
      for (const subject of facts.nodes) {
        if (subject.id === parts.self || subject.status === 'retired' || current.started.has(subject.id)) continue
        current.started.add(subject.id)
        background(judge(current, subject))
      }
      if (!current.gathering && isMyTurn(ledger, parts.self)) {
        current.gathering = true
        background(gatherAndReport(current).finally(() => (current.gathering = false)))
      }
    },
    ballot(epoch) {
      const mine = round?.facts.epoch.number === epoch ? round.votes.get(parts.self) : undefined
      return encodeBallot(mine?.values() ?? [])
    },
    async [Symbol.asyncDispose]() {
      round?.stop.abort()
      await Promise.all(working)
    },
  }
}

/** Seconds of ledger time since the epoch opened. */
function age(facts: LedgerFacts): number {
  return facts.block.timestamp - facts.epoch.openedAt
}

function votesOf(round: Round, voter: NodeId): Map<NodeId, CastVote> {
  const votes = round.votes.get(voter) ?? new Map<NodeId, CastVote>()
  round.votes.set(voter, votes)
  return votes
}

function* allVotes(round: Round): Generator<CastVote> {
  for (const votes of round.votes.values()) yield* votes.values()
}

function isMyTurn({ facts, minEpochSeconds }: LedgerRound, self: NodeId): boolean {
  const place = reportingOrder(facts).indexOf(self)
  return place >= 0 && age(facts) >= minEpochSeconds + place * REPORTER_TURN_SECONDS
}

/**
 * Whether the round can be closed: every entitled other has voted on every node whose silence would count; nodes on their way in are
 * given a little longer; after the grace period, whatever there is, as long as there is anything.
 */
function complete(round: Round, { graceSeconds }: RoundParts): boolean {
  const { facts } = round
  if (![...allVotes(round)].length) return false
  round.firstVoteMs ??= performance.now()
  const heldMs = performance.now() - round.firstVoteMs
  if (age(facts) >= graceSeconds + REPORTER_TURN_SECONDS) return true
  const voters = entitled(facts)
  // The very first round waits for all who registered.
  const running = facts.nodes.some(({ status }) => status === 'active')
  return facts.nodes.every((subject) => {
    const given = voters.filter((voter) => voter.id !== subject.id && round.votes.get(voter.id)?.has(subject.id)).length
    if (given === voters.filter((voter) => voter.id !== subject.id).length) return true
    if (subject.status === 'active' || subject.status === 'suspect') return false
    return (given === 0 && running) || heldMs >= NEWCOMERS_MS
  })
}
