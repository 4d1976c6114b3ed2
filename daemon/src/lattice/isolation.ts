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
  /** Whether this is the peer id of an Active node, whose connections stay where strangers' give way. */
  isMember(peerId: string): boolean
  advance(facts: LedgerFacts): Promise<void>
}

/** What isolation works with. */
export interface IsolationParts {
  /** Shuts itself out of nothing. */
  self: NodeId
  /** Transport keys that a node's appraised evidence showed. Nothing less will do: a cheat could give another's address for its own. */
  keysOf(node: NodeId): readonly Hex[]
  /** Fetches and appraises the evidence of a node whose keys are not known, so that they are; of who is suspected or quarantined in every epoch. */
  learn(node: NodeRecord, facts: LedgerFacts): Promise<unknown>
  lattice(): Lattice
  log: Log
}

export function createIsolation({ self, keysOf, learn, lattice, log }: IsolationParts): Isolation {
  const out = new Set<NodeId>()
  /** When a node was asked last for keys that are not known. */
  const asked = new Map<NodeId, number>()
  /** The keys of quarantined nodes as they were then: another run is what may come back. */
  const barred = new Map<NodeId, readonly Hex[]>()
  let refused = { inbound: new Set<string>(), outbound: new Set<string>() }
  let shut = new Set<Hex>()
  let active: readonly NodeId[] = []
  /** Made when first asked for, which is when there are many connections. */
  let members: Set<string> | undefined

  function note(node: NodeRecord, facts: LedgerFacts): void {
    if (node.status !== 'quarantined') barred.delete(node.id)
    else if (!barred.has(node.id)) barred.set(node.id, [...keysOf(node.id)])
    if (!isShutOut(node.status)) {
      out.delete(node.id)
      asked.delete(node.id)
      return
    }
    if (!out.has(node.id)) log.warn('cut off by its standing on the ledger', { node: node.id, status: node.status })
    out.add(node.id)
    const { number } = facts.epoch
    // Most of the others are gone for good.
    const once = node.status === 'inactive' || node.status === 'retired'
    if (keysOf(node.id).length > 0 || asked.get(node.id) === number || (once && asked.has(node.id))) return
    asked.set(node.id, number)
    void learn(node, facts).catch(() => {})
  }

  return {
    denies: (peerId, direction) => refused[direction].has(peerId),
    keeps: (peerKey) => !shut.has(peerKey),
    isMember(peerId) {
      members ??= new Set(active.flatMap(keysOf).map(peerIdText))
      return members.has(peerId)
    },
    async advance(facts) {
      active = facts.nodes.filter(({ status }) => status === 'active').map(({ id }) => id)
      members = undefined
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
