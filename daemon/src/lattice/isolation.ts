import type { Hex, LedgerFacts, NodeId } from '@teapot-network/trust'
import type { Log } from '../log.ts'
import type { Lattice } from './lattice.ts'
import { peerIdText } from './peer-id.ts'

/** Shuts quarantined nodes out: their connections are cut and their transport keys refused until a new run brings new ones. */
export interface Isolation {
  /** For libp2p's connection gater, by peer id. */
  denies(peerId: string): boolean
  advance(facts: LedgerFacts): Promise<void>
}

/** `keysOf` names the transport keys that a node's appraised evidence showed; `self` shuts itself out of nothing. */
export function createIsolation(
  self: NodeId,
  keysOf: (node: NodeId) => readonly Hex[],
  lattice: () => Lattice,
  log: Log,
): Isolation {
  let denied = new Set<string>()
  const barred = new Map<NodeId, readonly Hex[]>()
  return {
    denies: (peerId) => denied.has(peerId),
    async advance(facts) {
      for (const node of facts.nodes) {
        if (node.status !== 'quarantined') barred.delete(node.id)
        if (node.status !== 'quarantined' || barred.has(node.id) || node.id === self) continue
        barred.set(node.id, [...keysOf(node.id)])
        log.warn('cut off: quarantined on the ledger', { node: node.id })
      }
      const keys = [...barred.values()].flat()
      denied = new Set(keys.map(peerIdText))
      await Promise.all(keys.map((key) => lattice().cut(key)))
    },
  }
}
