import { type Digest, fromHex, type NodeId, toHex } from '../bytes.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import { verifyEs256 } from '../es256.ts'
import { encodeCoseSign1, parseCoseSign1, sigStructure } from './cose.ts'

/** Labels of the protected header: registered ones, then ours from the private range (spec/proof.md §4.1). */
const ALG = 1
const VDS = 395
const ORIGIN = -65537
const RUN = -65538
const SEQUENCE = -65539
const SIZE = -65540
const PREVIOUS_ROOT = -65541
const LABELS: readonly (number | string)[] = [ALG, VDS, ORIGIN, RUN, SEQUENCE, SIZE, PREVIOUS_ROOT]
const ES256 = -7
const RFC9162_SHA256 = 1

const shape = shapeOf('proof/checkpoint-malformed', 'checkpoint')

/** What a checkpoint's protected header says; its payload is the root (spec/proof.md §4). */
export interface CheckpointHeader {
  /** With `log`, the origin: whose log, and which of its logs. */
  node: NodeId
  log: number
  /** The run whose `receiptKey` signs. */
  run: Digest
  /** Strictly increasing within one origin; two different checkpoints with one number are equivocation. */
  sequence: number
  /** Leaves in the tree. */
  size: number
  /** Root of the checkpoint signed before this one; of the empty tree for the first. */
  previousRoot: Digest
}

/** A checkpoint with its root and what it takes to check its signature. */
export interface SignedCheckpoint extends CheckpointHeader {
  root: Digest
  protectedBytes: Uint8Array
  signature: Uint8Array
}

/** The protected header of a checkpoint, as it is signed. */
export function encodeCheckpointHeader(header: CheckpointHeader): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [ALG, ES256],
      [VDS, RFC9162_SHA256],
      [ORIGIN, [fromHex(header.node), header.log]],
      [RUN, fromHex(header.run)],
      [SEQUENCE, header.sequence],
      [SIZE, header.size],
      [PREVIOUS_ROOT, fromHex(header.previousRoot)],
    ]),
  )
}

/** @throws TeapotError `cbor/malformed`, `proof/checkpoint-malformed` (other algorithm, missing or unknown label). */
export function parseCheckpointHeader(bytes: Uint8Array): CheckpointHeader {
  const map = decodeCbor(bytes)
  if (!(map instanceof Map)) return shape.refuse('protected header', 'a map', typeof map)
  for (const key of map.keys()) if (!LABELS.includes(key)) shape.refuse('protected header', 'known labels', `${key}`)
  if (map.get(ALG) !== ES256) shape.refuse('alg', 'ES256 (-7)', String(map.get(ALG)))
  if (map.get(VDS) !== RFC9162_SHA256) shape.refuse('vds', 'RFC9162_SHA256 (1)', String(map.get(VDS)))
  const [node, log] = shape.array(map.get(ORIGIN), 'origin', 2)
  return {
    node: shape.hex(node, 'origin', 32),
    log: shape.uint(log, 'origin'),
    run: shape.hex(map.get(RUN), 'run', 32),
    sequence: shape.uint(map.get(SEQUENCE), 'sequence'),
    size: shape.uint(map.get(SIZE), 'size'),
    previousRoot: shape.hex(map.get(PREVIOUS_ROOT), 'previous root', 32),
  }
}

/** A checkpoint as a COSE_Sign1 with its root as payload: what a node publishes (spec/proof.md §4.2). */
export function encodeCheckpoint(checkpoint: Pick<SignedCheckpoint, 'protectedBytes' | 'root' | 'signature'>) {
  const { protectedBytes, root, signature } = checkpoint
  return encodeCoseSign1({ protectedBytes, unprotected: new Map(), payload: fromHex(root), signature })
}

/** @throws TeapotError `cbor/malformed`, `cose/malformed`, `proof/checkpoint-malformed`. */
export function parseCheckpoint(bytes: Uint8Array): SignedCheckpoint {
  const { protectedBytes, unprotected, payload, signature } = parseCoseSign1(bytes)
  if (unprotected.size > 0) shape.refuse('unprotected header', 'nothing', `${unprotected.size} labels`)
  const root = toHex(shape.bytes(payload, 'payload', 32))
  return { ...parseCheckpointHeader(protectedBytes), root, protectedBytes, signature }
}

/**
 * Whether the run's key signed this checkpoint.
 * @param receiptKey uncompressed P-256 point, 65 bytes
 */
export function verifyCheckpoint(
  checkpoint: Pick<SignedCheckpoint, 'protectedBytes' | 'root' | 'signature'>,
  receiptKey: Uint8Array,
): Promise<boolean> {
  const message = sigStructure(checkpoint.protectedBytes, fromHex(checkpoint.root))
  return verifyEs256(receiptKey, message, checkpoint.signature)
}
