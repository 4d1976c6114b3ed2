import { assigned } from '@teapot-network/ledger'
import { encodeCbor, epochNonce, evidenceDigest, fromHex, type NodeRecord, parseEvidence } from '@teapot-network/trust'
import { newestWitnessed } from '../receipts/index.ts'
import type { Round, RoundParts } from './round.ts'

/** For so long those who voted on a node are waited for. */
const WAIT_MS = 2_000

/**
 * Asks those who voted on a node in the epoch before, or, where this Verifier was away, those who vote on it now, what they were shown of it:
 * so whoever is drawn new knows what the others know of its log, and that it was there (spec/rounds.md §6). Nobody but the node's own AK is believed.
 */
export function createWitnesses({ self, lattice, clock, checkpoints, keep }: RoundParts) {
  async function ask({ id, akX, akY }: NodeRecord, witness: NodeRecord, past: Round | undefined, signal: AbortSignal) {
    const { p2p } = JSON.parse(witness.contact)
    const { body } = await lattice.request(p2p, 'witness', encodeCbor([fromHex(id)]), signal)
    const checkpoint = await newestWitnessed([body], id, akX, akY)
    if (!checkpoint) return
    if (past) {
      const { number, seed } = past.ledger.facts.epoch
      if (parseEvidence(body).nonce === epochNonce(seed, number, id)) past.there.add(id)
    }
    await keep(body)
    await checkpoints.learn(id, checkpoint, evidenceDigest(body))
  }

  return async (now: Round, past: Round | undefined, subject: NodeRecord): Promise<void> => {
    if (past?.votes.get(self)?.get(subject.id)?.outcome === 'affirm') return
    const { signal } = now.stop
    const { ledger } = past ?? now
    const voters = new Set(assigned(ledger, subject.id))
    const others = ledger.facts.nodes.filter(({ id }) => voters.has(id) && id !== self)
    const asked = others.map((witness) => ask(subject, witness, past, signal))
    await Promise.race([Promise.allSettled(asked), clock.sleep(WAIT_MS, signal)])
  }
}
