import { assigned } from '@teapot-network/ledger'
import {
  type Digest,
  decodeCbor,
  encodeCbor,
  epochNonce,
  evidenceDigest,
  fromHex,
  type LedgerFacts,
  type NodeId,
  type NodeRecord,
  parseEvidence,
  shapeOf,
} from '@teapot-network/trust'
import type { Lattice } from '../lattice/lattice.ts'
import { newestWitnessed } from '../receipts/index.ts'
import type { CheckpointBook } from './checkpoint-book.ts'
import type { Round, RoundParts } from './round.ts'

/** For so long those who voted on a node are waited for, and those who may know of this node's own log. */
const WAIT_MS = 2_000
const OWN_WAIT_MS = 3_000
/** So many are asked of a node's own log at most. */
const ASKED = 16

type Asks = Pick<Lattice, 'request'>

/** Asks a peer for evidence of a node that it holds; empty where it has none. */
async function ask(lattice: Asks, witness: NodeRecord, node: NodeId, signal: AbortSignal): Promise<Uint8Array> {
  const { p2p } = JSON.parse(witness.contact)
  return (await lattice.request(p2p, 'witness', encodeCbor([fromHex(node)]), signal)).body
}

const shape = shapeOf('attest/bad-request', 'request')

/** Answers `witness`, CBOR `[node]`, with evidence of that node held here, or nothing. @throws TeapotError `attest/bad-request`, `cbor/malformed` */
export async function answerWitness(
  body: Uint8Array,
  book: Pick<CheckpointBook, 'witnessed'>,
  fetch: (evidence: Digest) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const [node] = shape.array(decodeCbor(body), 'request', 1)
  const evidence = book.witnessed(shape.hex(node, 'node', 32))
  return evidence ? fetch(evidence).catch(() => new Uint8Array()) : new Uint8Array()
}

/**
 * The newest checkpoint of this node's own log that its peers hold in evidence of it: asked for before the log is opened, so that a disk restored
 * from an older image is noticed (spec/proof.md §6). Peers that are not there are passed over.
 * @param facts of the ledger, where it could be read
 */
export async function ownCheckpoint(lattice: Asks, self: NodeId, facts: LedgerFacts | undefined, signal: AbortSignal) {
  const own = facts?.nodes.find(({ id }) => id === self)
  if (!own) return undefined
  const peers = facts!.nodes.filter(({ id, status }) => id !== self && status === 'active').slice(0, ASKED)
  const limited = AbortSignal.any([signal, AbortSignal.timeout(OWN_WAIT_MS)])
  const answers = await Promise.allSettled(peers.map((peer) => ask(lattice, peer, self, limited)))
  const held = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  return newestWitnessed(held, self, own.akX, own.akY)
}

/**
 * Asks those who voted on a node in the epoch before, or, where this Verifier was away, those who vote on it now, what they were shown of it:
 * so whoever is drawn new knows what the others know of its log, and that it was there (spec/rounds.md §6). Nobody but the node's own AK is believed.
 */
export function createWitnesses({ self, lattice, clock, checkpoints, keep }: RoundParts) {
  async function hear({ id, akX, akY }: NodeRecord, witness: NodeRecord, past: Round | undefined, signal: AbortSignal) {
    const body = await ask(lattice, witness, id, signal)
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
    const asked = others.map((witness) => hear(subject, witness, past, signal))
    await Promise.race([Promise.allSettled(asked), clock.sleep(WAIT_MS, signal)])
  }
}
