import type { Round as LedgerRound } from '@teapot-network/ledger'
import type { NodeId } from '@teapot-network/trust'
import type { Ballot } from './ballot.ts'
import { dutiful, promiseSeconds } from './round.ts'

/** By when each Verifier promised its next ballot (spec/rounds.md §3). */
export interface Promises {
  /**
   * At the opening of an epoch: begins to wait for those that now have duties, and stops for those that have none.
   * @param anew this node took no part in the epoch before, so that it could hear no ballots: it waits for all from now on
   */
  begin(ledger: LedgerRound, anew?: boolean): void
  /** A ballot of which at least one vote on evidence counted: renews what its voter promised. */
  renew(ledger: LedgerRound, ballot: Ballot): void
  /** The deadline, in ledger seconds, that a Verifier with duties let pass before this epoch opened; undefined if it keeps its word. */
  broken(ledger: LedgerRound, node: NodeId): number | undefined
}

export function createPromises(graceSeconds: number): Promises {
  const due = new Map<NodeId, number>()
  // Nobody may promise more than what everybody has; nor is anyone held to less than a node that was never heard.
  const latest = (ledger: LedgerRound) => ledger.facts.block.timestamp + promiseSeconds(ledger, graceSeconds)
  return {
    begin(ledger, anew = false) {
      if (anew) due.clear()
      const busy = dutiful(ledger)
      for (const node of due.keys()) if (!busy.has(node)) due.delete(node)
      for (const node of busy) if (!due.has(node)) due.set(node, latest(ledger))
    },
    renew(ledger, { voter, freshUntil }) {
      if (due.has(voter)) due.set(voter, Math.max(due.get(voter)!, Math.min(freshUntil, latest(ledger))))
    },
    broken(ledger, node) {
      const until = due.get(node)
      return until !== undefined && until < ledger.facts.epoch.openedAt ? until : undefined
    },
  }
}
