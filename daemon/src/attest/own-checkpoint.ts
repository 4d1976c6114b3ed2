import { type CheckpointSummary, encodeCbor, fromHex, type LedgerFacts, type NodeId } from '@teapot-network/trust'
import type { Lattice } from '../lattice/lattice.ts'
import { newestWitnessed } from '../receipts/index.ts'

/** Peers that are asked at most, and how long all of them together are waited for. */
const ASKED = 16
const WAIT_MS = 3_000

/**
 * The newest checkpoint of this node's own log that its peers hold in evidence of it: asked for before the log is opened, so that a disk restored
 * from an older image is noticed (spec/proof.md §6). Peers that are not there are passed over.
 * @param facts of the ledger, where it could be read
 */
export async function ownCheckpoint(
  lattice: Pick<Lattice, 'request'>,
  self: NodeId,
  facts: LedgerFacts | undefined,
  signal: AbortSignal,
): Promise<CheckpointSummary | undefined> {
  const own = facts?.nodes.find(({ id }) => id === self)
  if (!own) return undefined
  const peers = facts!.nodes.filter(({ id, status }) => id !== self && status === 'active').slice(0, ASKED)
  const limited = AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)])
  const asked = peers.map(async ({ contact }) => {
    const { body } = await lattice.request(JSON.parse(contact).p2p, 'witness', encodeCbor([fromHex(self)]), limited)
    return body
  })
  const answers = await Promise.allSettled(asked)
  const held = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  return newestWitnessed(held, self, own.akX, own.akY)
}
