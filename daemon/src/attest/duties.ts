import { assigned } from '@teapot-network/ledger'
import type { NodeId } from '@teapot-network/trust'
import type { Gatherer } from './gathering.ts'
import { acquaintances, type Round } from './round.ts'

/**
 * Whether a Verifier did its part in the epoch before (spec/rounds.md §3.4). What speaks against it: it was there, others voted on evidence that it
 * was to vote on, and nobody has such a vote of it that counts.
 */
export type Missed = (past: Round, node: NodeId, signal: AbortSignal) => Promise<string | undefined>

export function createDuties({ gatherSoon, counted }: Pick<Gatherer, 'gatherSoon' | 'counted'>): Missed {
  return async (past, node, signal) => {
    const { ledger } = past
    const owed = new Set(ledger.facts.nodes.map(({ id }) => id).filter((id) => assigned(ledger, id).includes(node)))
    if (owed.size === 0) return undefined
    const voted = async () => {
      const own = [...(past.votes.get(node)?.values() ?? [])].filter(({ outcome }) => outcome !== 'silence')
      return (await counted(past, signal, own)).length > 0
    }
    if (await voted()) return undefined
    for (const peers of [[node], acquaintances(ledger, node)]) {
      await gatherSoon(past, peers, signal)
      if (await voted()) return undefined
    }
    const others = (await counted(past, signal)).filter(({ voter, outcome }) => voter !== node && outcome !== 'silence')
    const could = others.some((vote) => owed.has(vote.node))
    // Who was away is silent for that, and not once more for its votes.
    if (!could || !past.there.has(node)) return undefined
    return `expected its votes of epoch ${ledger.facts.epoch.number}, found none that counts`
  }
}
