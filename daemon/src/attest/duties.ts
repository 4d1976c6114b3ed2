import { assigned } from '@teapot-network/ledger'
import type { NodeId } from '@teapot-network/trust'
import type { Gatherer } from './gathering.ts'
import { acquaintances, type Round } from './round.ts'
import { findings } from './tally.ts'

/** Whether Verifiers did their part in the epoch before (spec/rounds.md §3.4). */
export interface Duties {
  /** What speaks against a node: it was there, had something to vote on, and nobody has a vote of it on evidence that counts. */
  missed(past: Round, node: NodeId, signal: AbortSignal): Promise<string | undefined>
}

export function createDuties({ gather, counted }: Gatherer): Duties {
  return {
    async missed(past, node, signal) {
      const { ledger } = past
      const owed = new Set(ledger.facts.nodes.map(({ id }) => id).filter((id) => assigned(ledger, id).includes(node)))
      if (owed.size === 0) return undefined
      const voted = async () => {
        const own = [...(past.votes.get(node)?.values() ?? [])].filter(({ outcome }) => outcome !== 'silence')
        return (await counted(past, signal, own)).length > 0
      }
      if (await voted()) return undefined
      for (const peers of [[node], acquaintances(ledger, node)]) {
        await gather(past, peers, signal)
        if (await voted()) return undefined
      }
      const found = findings(ledger, await counted(past, signal))
      const could = found.some((one) => one.outcome !== 'silence' && owed.has(one.node))
      // Who was away is silent for that, and not once more for its votes.
      if (!could || !past.there.has(node)) return undefined
      return `expected its votes of epoch ${ledger.facts.epoch.number}, found none that counts`
    },
  }
}
