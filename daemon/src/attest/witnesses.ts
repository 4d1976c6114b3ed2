import { assigned } from '@teapot-network/ledger'
import {
  type CheckpointSummary,
  type Digest,
  encodeCbor,
  epochNonce,
  evidenceDigest,
  fromHex,
  type NodeId,
  type NodeRecord,
  parseEvidence,
} from '@teapot-network/trust'
import { newestWitnessed } from '../receipts/index.ts'
import type { Round, RoundParts } from './round.ts'

/** For so long those who voted on a node are waited for. */
const WAIT_MS = 2_000

/**
 * Asks those who voted on a node in the epoch before for its newest evidence, unless some of that epoch came here: so a Verifier that is drawn
 * new knows what the others saw of its log, and that it was there (spec/rounds.md §6). Nobody but the node's own AK is believed.
 */
export function createWitnesses({ self, lattice, clock, checkpoints, keep }: RoundParts) {
  async function ask(past: Round, { id, akX, akY }: NodeRecord, witness: NodeRecord, signal: AbortSignal) {
    const { p2p } = JSON.parse(witness.contact)
    const { body } = await lattice.request(p2p, 'witness', encodeCbor([fromHex(id)]), signal)
    const checkpoint = await newestWitnessed([body], id, akX, akY)
    if (!checkpoint) return
    const { number, seed } = past.ledger.facts.epoch
    if (parseEvidence(body).nonce === epochNonce(seed, number, id)) past.there.add(id)
    await learn(id, checkpoint, evidenceDigest(body), body)
  }

  async function learn(node: NodeId, checkpoint: CheckpointSummary, evidence: Digest, bytes: Uint8Array) {
    if (checkpoints.newest(node) === evidence) return
    await keep(bytes)
    await checkpoints.learn(node, checkpoint, evidence)
  }

  return async (past: Round, subject: NodeRecord, signal: AbortSignal): Promise<void> => {
    const seen = [...past.appraised.values()].filter(({ node }) => node === subject.id)
    for (const { node, checkpoint, evidence, bytes } of seen) await learn(node, checkpoint, evidence, bytes)
    if (seen.length > 0) return
    const voters = new Set(assigned(past.ledger, subject.id))
    const others = past.ledger.facts.nodes.filter(({ id }) => voters.has(id) && id !== self)
    const asked = others.map((witness) => ask(past, subject, witness, signal))
    await Promise.race([Promise.allSettled(asked), clock.sleep(WAIT_MS, signal)])
  }
}
