import type { LedgerFacts, NodeId } from '@teapot-network/trust'

/** How long those are left out who were put out again and again (spec/rounds.md §3.6). */
export interface Returns {
  /** At the opening of an epoch: takes in who is Inactive now. */
  begin(facts: LedgerFacts): void
  /** Whether that node is not to be appraised yet. */
  awaits(node: NodeId): boolean
}

/** So many epochs in service, and what was before is forgotten: longer than who does nothing stays in. */
const FORGOTTEN_EPOCHS = 8
const LONGEST_EPOCHS = 64

export function createReturns(): Returns {
  const known = new Map<NodeId, { times: number; out: boolean; since: number }>()
  let epoch = 0
  return {
    begin(facts) {
      epoch = facts.epoch.number
      for (const { id, status } of facts.nodes) {
        const had = known.get(id)
        const forgotten = had && !had.out && epoch >= had.since + FORGOTTEN_EPOCHS
        if (forgotten) known.delete(id)
        const times = forgotten ? 0 : (had?.times ?? 0)
        if (status === 'inactive' && !had?.out) known.set(id, { times: times + 1, out: true, since: epoch })
        if (status === 'active' && had?.out) known.set(id, { times, out: false, since: epoch })
      }
    },
    awaits(node) {
      const { times, out, since } = known.get(node) ?? { times: 0, out: false, since: 0 }
      return out && epoch < since + Math.min(2 ** (times - 1), LONGEST_EPOCHS) - 1
    },
  }
}
