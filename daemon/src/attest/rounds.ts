import { assigned, entitled, type Round as LedgerRound } from '@teapot-network/ledger'
import { signBallot } from '@teapot-network/trust/vote'
import { answerVotes, type Ballot, encodeBallots, encodeRows } from './ballot.ts'
import { createDisputes } from './disputes.ts'
import { createDuties } from './duties.ts'
import { createGatherer } from './gathering.ts'
import { createJudge } from './judging.ts'
import { createReporter } from './reporting.ts'
import { acquaintances, createRound, type Round, type RoundParts } from './round.ts'

/** The attestation clock of one node: shows evidence, appraises peers, votes, reports when it is its turn, and looks after others' reports (spec/rounds.md). */
export interface Rounds extends AsyncDisposable {
  /** Takes in what the ledger says now; returns quickly, work goes on behind it. */
  advance(ledger: LedgerRound): Promise<void>
  /** For a peer: this node's ballot of the present epoch or the one before, and the ballots that it heard; none of any other. */
  ballots(epoch: number): Promise<Uint8Array>
}

export function createRounds(parts: RoundParts): Rounds {
  const gatherer = createGatherer(parts)
  const judge = createJudge(parts, createDuties(gatherer))
  const reporter = createReporter(parts, gatherer)
  const fileDisputes = createDisputes(parts)
  const working = new Set<Promise<unknown>>()
  let round: Round | undefined
  let past: Round | undefined

  function background(work: Promise<unknown>): Promise<void> {
    const tracked = work.then(
      () => {},
      (error) => parts.log.warn('round work failed', { error: String(error?.message ?? error) }),
    )
    working.add(tracked)
    return tracked.finally(() => working.delete(tracked))
  }

  const isEntitled = ({ facts }: LedgerRound) => entitled(facts).some(({ id }) => id === parts.self)

  function open(ledger: LedgerRound): Round {
    round?.stop.abort()
    const { number } = ledger.facts.epoch
    const last = round?.ledger.facts.epoch.number
    if (last !== number) past = round && last === number - 1 && isEntitled(round.ledger) ? round : undefined
    background(parts.attendance.begin(ledger))
    return createRound(ledger, parts.self, parts.book.of(number))
  }

  /** Looks at the closed epoch: what the report left out, who lied. */
  async function review(closed: Round, now: Round): Promise<void> {
    const { signal } = now.stop
    await gatherer.gatherSoon(closed, acquaintances(closed.ledger, parts.self), signal)
    const votes = await gatherer.counted(closed, signal)
    await Promise.all([reporter.bringLeftOut(closed, votes, now), fileDisputes(closed, now)])
  }

  async function ownBallot({ ledger, votes }: Round): Promise<Ballot> {
    const { chainId, epoch } = ledger.facts
    const rows = encodeRows(votes.get(parts.self)!.values())
    const head = { voter: parts.self, rows }
    const { attestation, voteKey } = parts
    return { ...head, signature: await signBallot({ chainId, attestation, epoch: epoch.number, ...head }, voteKey) }
  }

  const begin = ({ begun }: Round, what: string) => !begun.has(what) && begun.add(what)

  /** Quotes for this epoch; what fails is tried again with the next block. */
  async function show(current: Round): Promise<void> {
    if (!parts.provisioned() || !begin(current, 'show')) return
    try {
      await parts.source.renew(current.ledger.facts)
    } catch (error) {
      current.begun.delete('show')
      throw error
    }
  }

  /** Begins what is this node's to do by now as a Verifier. */
  function takePart(current: Round): void {
    const { ledger } = current
    if (past && begin(current, 'review')) background(review(past, current))
    for (const { id, status } of ledger.facts.nodes) {
      if (status === 'retired' || parts.attendance.awaits(id) || !assigned(ledger, id).includes(parts.self)) continue
      if (!current.votes.get(parts.self)!.has(id) && begin(current, id)) background(judge(current, id, past))
    }
    if (reporter.isMyTurn(ledger) && begin(current, 'close')) {
      background(reporter.close(current)).then(() => current.begun.delete('close'))
    }
  }

  return {
    async advance(ledger) {
      const { number, seed } = ledger.facts.epoch
      const known = round?.ledger.facts.epoch
      // A reorg may have an epoch opened again, with another seed.
      const current = round && known?.number === number && known.seed === seed ? round : open(ledger)
      round = current
      current.ledger = ledger
      const shown = show(current)
      if (isEntitled(ledger)) takePart(current)
      await shown
    },
    async ballots(epoch) {
      const asked = [round, past].find((one) => one?.ledger.facts.epoch.number === epoch)
      return asked ? answerVotes(await ownBallot(asked), asked.ballots.values()) : encodeBallots([])
    },
    async [Symbol.asyncDispose]() {
      round?.stop.abort()
      await Promise.all(working)
    },
  }
}
