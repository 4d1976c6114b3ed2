import type { Round as LedgerRound } from '@teapot-network/ledger'
import type { NodeId } from '@teapot-network/trust'
import { openDurableJson } from './durable-json.ts'

/** Who was put out, and whose silence the ledger marked, again and again (spec/rounds.md §3.6, §3.7); on disk. */
export interface Attendance {
  /** At the opening of an epoch: takes in what the ledger says of everybody. Resolves once it is on disk. */
  begin(ledger: LedgerRound): Promise<void>
  /** Whether that node is not to be appraised yet. */
  awaits(node: NodeId): boolean
  /** What speaks against a node that is Active, and silent too often. */
  missed(node: NodeId): string | undefined
}

interface Record {
  /** How often it was put out. */
  times: number
  out: boolean
  /** The epoch since which it is out, or in again. */
  since: number
  /** The epochs whose silence the ledger marked since it is in. */
  silences: number[]
}

/** Within so many epochs so many may be missed, but one: whoever is there in every other only is found out. */
const WATCHED_EPOCHS = 8
const MISSED_EPOCHS = 4
/** So many epochs in service, and what was before is forgotten: longer than who does nothing, or too little, stays in. */
const FORGOTTEN_EPOCHS = 16
const LONGEST_EPOCHS = 64
const NEW: Record = { times: 0, out: false, since: 0, silences: [] }

/** Opens the book kept at `path`. @throws TeapotError `attest/bad-notes` */
export async function openAttendance(path: string): Promise<Attendance> {
  const book = await openDurableJson(path, [] as [NodeId, Record][])
  const known = new Map(book.value)
  const of = (node: NodeId) => known.get(node) ?? NEW
  let epoch = 0
  return {
    async begin({ facts, standings }) {
      epoch = facts.epoch.number
      const changed = facts.nodes.flatMap(({ id, status }): [NodeId, Record][] => {
        const { times, out, since, silences } = of(id)
        const { silent, lastEpoch = 0 } = standings.get(id) ?? {}
        const before = epoch < since + FORGOTTEN_EPOCHS ? times : 0
        if (status === 'inactive' && !out) return [[id, { times: before + 1, out: true, since: epoch, silences: [] }]]
        if (status === 'active' && out) return [[id, { times, out: false, since: epoch, silences: [] }]]
        if (status !== 'active' || !silent || silences.includes(lastEpoch)) return []
        return [[id, { times, out, since, silences: [...silences.slice(1 - WATCHED_EPOCHS), lastEpoch] }]]
      })
      for (const [id, record] of changed) known.set(id, record)
      if (changed.length > 0) await book.save([...known])
    },
    awaits(node) {
      const { times, out, since } = of(node)
      return out && epoch < since + Math.min(2 ** (times - 1), LONGEST_EPOCHS) - 1
    },
    missed(node) {
      const { length } = of(node).silences.filter((missed) => missed >= epoch - WATCHED_EPOCHS)
      if (length < MISSED_EPOCHS) return undefined
      return `expected it silent in less than ${MISSED_EPOCHS} of ${WATCHED_EPOCHS} epochs, found ${length}`
    },
  }
}
