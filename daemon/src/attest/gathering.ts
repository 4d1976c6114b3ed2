import { assigned, entitled } from '@teapot-network/ledger'
import { encodeCbor, type NodeId, type NodeRecord } from '@teapot-network/trust'
import { verifyBallot, verifyVote } from '@teapot-network/trust/vote'
import { type Ballot, fitsNodes, parseBallots, votesIn } from './ballot.ts'
import { addVote, allVotes, noteSeen, type Round, type RoundParts } from './round.ts'
import { type CastVote, sayTheSame } from './tally.ts'

/** Brings together what others voted, and what of it counts. */
export interface Gatherer {
  /** Asks each of these once for its own ballot and for those that it heard; whoever does not answer is passed over. */
  gather(round: Round, peers: Iterable<NodeId>, signal: AbortSignal): Promise<void>
  /** The same, but once most of the ballots are here waits no longer than two seconds: what one does not tell, another heard. */
  gatherSoon(round: Round, peers: Iterable<NodeId>, signal: AbortSignal): Promise<void>
  /** Those of the votes, by default of all, whose voter is assigned, and whose evidence can be had by its CID, is of that node and epoch, and shows what they say it shows. */
  counted(round: Round, signal: AbortSignal, votes?: readonly CastVote[]): Promise<CastVote[]>
}

const WAIT_MS = 2_000

/** Whose own connection is slow has not heard of most, and has no say in what few said. */
const hasMostBallots = ({ ballots, ledger }: Round) => 3 * ballots.size >= 2 * (entitled(ledger.facts).length - 1)

export function createGatherer(parts: RoundParts): Gatherer {
  async function ask(round: Round, peer: NodeRecord, signal: AbortSignal): Promise<void> {
    const { p2p } = JSON.parse(peer.contact)
    const request = encodeCbor([round.ledger.facts.epoch.number])
    const { body } = await parts.lattice.request(p2p, 'votes', request, signal)
    const oneOfEach = new Map(parseBallots(body).map((ballot) => [ballot.voter, ballot]))
    for (const ballot of oneOfEach.values()) await take(round, ballot)
  }

  async function take(round: Round, ballot: Ballot): Promise<void> {
    const { voter } = ballot
    const { facts } = round.ledger
    const known = () => round.ballots.get(voter)
    const voteKey = entitled(facts).find(({ id }) => id === voter)?.voteKey
    if (voter === parts.self || !voteKey || known()?.signature === ballot.signature) return
    if (!fitsNodes(ballot, facts.nodes.length)) return
    const common = { chainId: facts.chainId, attestation: parts.attestation, epoch: facts.epoch.number }
    if (!(await verifyBallot({ ...common, ...ballot }, ballot.signature, voteKey))) return
    const votes = votesIn(ballot)
    const nodes = new Set(facts.nodes.map(({ id }) => id))
    for (const vote of votes.filter(({ node }) => nodes.has(node))) {
      const had = round.votes.get(voter)?.get(vote.node)
      if (had && sayTheSame(had, vote)) continue
      const { voter: _, signature, ...said } = vote
      if (await verifyVote({ ...common, ...said }, signature, voteKey)) addVote(round, vote)
    }
    // Votes do not vanish: a ballot that has fewer is no newer. It counts as here once its votes are.
    if ((known()?.rows.length ?? 0) <= ballot.rows.length) round.ballots.set(voter, ballot)
  }

  /** Why a vote does not count; undefined when it does. */
  async function problemOf(round: Round, vote: CastVote, signal: AbortSignal): Promise<string | undefined> {
    if (vote.outcome === 'silence') return undefined
    const { ledger, appraised } = round
    try {
      let seen = appraised.get(vote.evidence)
      if (!seen) {
        const voter = ledger.facts.nodes.find(({ id }) => id === vote.voter)
        const bytes = await parts.fetch(vote.evidence, voter, signal)
        seen = await parts.verifier.read(bytes, vote.node, ledger.facts, signal)
        // What is another node's must not stand in the way of votes on that one.
        if (seen.genuine) noteSeen(round, seen)
      }
      if (seen.node !== vote.node || !seen.genuine)
        return `expected evidence of ${vote.node} in this epoch, found other`
      return seen.quote === vote.quote ? undefined : `expected evidence that shows ${vote.quote}, found ${seen.quote}`
    } catch (error) {
      return `expected its evidence to be served by its CID, found: ${(error as Error).message}`
    }
  }

  const gatherer: Gatherer = {
    async gather(round, peers, signal) {
      const wanted = new Set(peers)
      const records = round.ledger.facts.nodes.filter(({ id }) => wanted.has(id) && id !== parts.self)
      await Promise.allSettled(records.map((peer) => ask(round, peer, signal)))
    },
    async gatherSoon(round, peers, signal) {
      let waits = true
      const all = gatherer.gather(round, peers, signal).then(() => {
        waits = false
      })
      do await Promise.race([all, parts.clock.sleep(WAIT_MS, signal)])
      while (waits && !signal.aborted && !hasMostBallots(round))
    },
    async counted(round, signal, votes = allVotes(round)) {
      const asked = new Map<string, Promise<string | undefined>>()
      const refused = new Map<NodeId, string>()
      // What could not count is not fetched either: a voter could name anything.
      const able = votes.filter(({ voter, node }) => voter !== node && assigned(round.ledger, node).includes(voter))
      const counts = await Promise.all(
        able.map(async (vote) => {
          const key = `${vote.node} ${vote.outcome} ${vote.evidence} ${vote.quote}`
          if (!asked.has(key)) asked.set(key, problemOf(round, vote, signal))
          const problem = await asked.get(key)
          if (!problem) return [vote]
          refused.set(vote.voter, problem)
          return []
        }),
      )
      // What was broken off as the epoch ended says nothing of anybody.
      if (signal.aborted) refused.clear()
      for (const [voter, problem] of refused) {
        if (!round.refused.has(voter)) parts.log.warn('votes do not count', { voter, problem })
        round.refused.add(voter)
      }
      return counts.flat()
    },
  }
  return gatherer
}
