import type { NodeId, NodeRecord } from '@teapot-network/trust'
import type { Node } from './nodes.ts'

/** A node's ledger record with this contact. */
export function recordOf(id: string, http: string, changed: Partial<NodeRecord> = {}): NodeRecord {
  const hex = (bytes: number): `0x${string}` => `0x${'00'.repeat(bytes)}`
  return {
    id: id as NodeId,
    operator: hex(20),
    status: 'active',
    statusSince: 1,
    genesis: true,
    akX: hex(32),
    akY: hex(32),
    ekDigest: hex(32),
    voteKey: hex(65),
    contact: JSON.stringify({ http, p2p: '' }),
    quarantinedBoot: 0,
    ...changed,
  }
}

export function nodeOf(id: string, url: string): Node {
  return { id: id as NodeId, url, record: recordOf(id, url) }
}
