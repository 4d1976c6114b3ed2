import { type Digest, fromHex, type NodeId } from '../bytes.ts'
import { decodeCbor, encodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import { type CheckpointSummary, checkpointArray, parseCheckpointSummary } from '../evidence.ts'
import type { Outcome } from '../verdict.ts'

const DOMAIN = 'teapot/epoch/1'
const OUTCOMES = ['affirm', 'mismatch', 'silence'] as const satisfies readonly Outcome[]

const shape = shapeOf('proof/epoch-leaf-malformed', 'epoch leaf')

/** What an epoch found of one node: a leaf of the tree whose root the epoch put on the ledger (spec/proof.md §8.3). */
export interface EpochLeaf {
  epoch: number
  node: NodeId
  outcome: Outcome
  run: Digest
  /** Digest of the evidence that was appraised. */
  evidence: Digest
  /** The receipt log's head that this evidence quoted; null for silence. */
  checkpoint: CheckpointSummary | null
}

/** The bytes of a leaf; its hash in the tree is `leafHash(sha256(bytes))`. */
export function encodeEpochLeaf({ epoch, node, outcome, run, evidence, checkpoint }: EpochLeaf): Uint8Array {
  const quoted = checkpoint && checkpointArray(checkpoint)
  return encodeCbor([DOMAIN, epoch, fromHex(node), outcome, fromHex(run), fromHex(evidence), quoted])
}

/** @throws TeapotError `cbor/malformed`, `proof/epoch-leaf-malformed` */
export function parseEpochLeaf(bytes: Uint8Array): EpochLeaf {
  const [domain, epoch, node, outcome, run, evidence, checkpoint] = shape.array(decodeCbor(bytes), 'leaf', 7)
  shape.oneOf(domain, 'domain', [DOMAIN])
  return {
    epoch: shape.uint(epoch, 'epoch'),
    node: shape.hex(node, 'node', 32),
    outcome: shape.oneOf(outcome, 'outcome', OUTCOMES),
    run: shape.hex(run, 'run', 32),
    evidence: shape.hex(evidence, 'evidence', 32),
    checkpoint: checkpoint === null ? null : parseCheckpointSummary(shape, checkpoint),
  }
}
