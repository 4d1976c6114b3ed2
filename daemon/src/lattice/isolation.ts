import type { Hex, LedgerFacts, NodeId, NodeRecord, NodeStatus } from '@teapot-network/trust'
import type { Log } from '../log.ts'
import type { Lattice } from './lattice.ts'
import { peerIdText } from './peer-id.ts'

/** Whether the ledger's word on a node takes it out of the network: no calls, no content asked of it, no connection that is kept (spec/lattice.md §6). */
export function isShutOut(status: NodeStatus | undefined): boolean {
  return status === 'suspect' || status === 'quarantined' || status === 'inactive' || status === 'retired'
}

/** Shuts out whom the ledger no longer trusts: by the transport keys that their appraised evidence showed, so that a new run begins anew. */
export interface Isolation {
  /** For libp2p's connection gater, by peer id. Who is shut out may not connect; who is quarantined is not dialled under its old keys either. */
  denies(peerId: string, direction: 'inbound' | 'outbound'): boolean
  /** Whether a connection with this key outlasts the request that it was opened for: whoever is shut out is dialled for attestation alone. */
  keeps(peerKey: Hex): boolean
  advance(facts: LedgerFacts): Promise<void>
}

/** What isolation works with. */
export interface IsolationParts {
  /** Shuts itself out of nothing. */
  self: NodeId
  /** Transport keys that a node's appraised evidence showed. Nothing less will do: a cheat could give another's address for its own. */
  keysOf(node: NodeId): readonly Hex[]
  /** Fetches and appraises the evidence of a node whose keys are not known, so that they are. */
  learn(node: NodeRecord, facts: LedgerFacts): Promise<unknown>
  lattice(): Lattice
  log: Log
}

export function createIsolation({ self, keysOf, learn, lattice, log }: IsolationParts): Isolation {
  const out = new Set<NodeId>()
  /** The keys of quarantined nodes as they were then: another run is what may come back. */
  const barred = new Map<NodeId, readonly Hex[]>()
  let refused = { inbound: new Set<string>(), outbound: new Set<string>() }
  let shut = new Set<Hex>()

  function note(node: NodeRecord, facts: LedgerFacts): void {
    if (node.status !== 'quarantined') barred.delete(node.id)
    else if (!barred.has(node.id)) barred.set(node.id, [...keysOf(node.id)])
    if (!isShutOut(node.status)) {
      out.delete(node.id)
      return
    }
    if (out.has(node.id)) return
    out.add(node.id)
    log.warn('cut off by its standing on the ledger', { node: node.id, status: node.status })
    if (keysOf(node.id).length === 0) void learn(node, facts).catch(() => {})
  }

  return {
    denies: (peerId, direction) => refused[direction].has(peerId),
    keeps: (peerKey) => !shut.has(peerKey),
    async advance(facts) {
      for (const node of facts.nodes) if (node.id !== self) note(node, facts)
      const before = shut
      const old = [...barred.values()].flat()
      shut = new Set([...old, ...[...out].flatMap(keysOf)])
      refused = { inbound: new Set([...shut].map(peerIdText)), outbound: new Set(old.map(peerIdText)) }
      // A connection that was dialled since, for attestation, is left to end by itself.
      const cut = [...shut].filter((key) => !before.has(key) || old.includes(key))
      await Promise.all(cut.map((key) => lattice().cut(key)))
    },
  }
}
