import { toHex } from '../bytes.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import { type CheckpointHeader, parseCheckpointHeader, type SignedCheckpoint } from './checkpoint.ts'
import { encodeCoseSign1, parseCoseSign1 } from './cose.ts'
import { leafHash, rootFromInclusion } from './merkle.ts'

/** Verifiable data proofs, in the unprotected header (RFC 9942 §4). */
const VDP = 396
const INCLUSION = -1

const shape = shapeOf('proof/receipt-malformed', 'receipt')

/** A COSE receipt of inclusion (RFC 9942 §5.2): one leaf under one signed checkpoint. */
export interface Receipt {
  /** The checkpoint's header; its `size` is the tree that the path belongs to. */
  checkpoint: CheckpointHeader
  protectedBytes: Uint8Array
  signature: Uint8Array
  /** Index of the leaf, from 0. */
  index: number
  /** 32-byte hashes from the leaf's sibling upwards. */
  path: Uint8Array[]
}

/** Writes a receipt: a COSE_Sign1 whose detached payload is the root (spec/proof.md §5). */
export function encodeReceipt(
  receipt: Pick<Receipt, 'protectedBytes' | 'signature' | 'index' | 'path'> & { size: number },
): Uint8Array {
  const { protectedBytes, signature, index, size, path } = receipt
  const proofs = new Map<number, CborValue>([[INCLUSION, [encodeCbor([size, index, path])]]])
  return encodeCoseSign1({ protectedBytes, unprotected: new Map([[VDP, proofs]]), payload: null, signature })
}

/**
 * Reads a receipt with exactly one inclusion proof, for the tree size that its protected header names.
 * @throws TeapotError `cbor/malformed`, `cose/malformed`, `proof/checkpoint-malformed`, `proof/receipt-malformed`.
 */
export function parseReceipt(bytes: Uint8Array): Receipt {
  const { protectedBytes, unprotected, payload, signature } = parseCoseSign1(bytes)
  if (payload !== null) shape.refuse('payload', 'none (detached)', `${payload.length} bytes`)
  const checkpoint = parseCheckpointHeader(protectedBytes)
  const proofs = onlyValue(unprotected, VDP, 'unprotected header')
  if (!(proofs instanceof Map)) return shape.refuse('proofs', 'a map', typeof proofs)
  const [proof] = shape.array(onlyValue(proofs, INCLUSION, 'proofs'), 'inclusion proofs', 1)
  const [size, index, path] = shape.array(decodeCbor(shape.bytes(proof, 'inclusion proof')), 'inclusion proof', 3)
  if (size !== checkpoint.size) shape.refuse('tree size', `the checkpoint's ${checkpoint.size}`, String(size))
  return {
    checkpoint,
    protectedBytes,
    signature,
    index: shape.uint(index, 'leaf index'),
    path: shape.array(path, 'inclusion path').map((hash) => shape.bytes(hash, 'inclusion path', 32)),
  }
}

/**
 * The checkpoint that a receipt asserts for this leaf: its root follows from the path. Holds only if it then verifies.
 * @param leafInput see {@link leafInput}
 * @throws TeapotError `proof/inclusion-malformed` when path, index and size don't fit.
 */
export function receiptCheckpoint(receipt: Receipt, leafInput: Uint8Array): SignedCheckpoint {
  const { checkpoint, index, path, protectedBytes, signature } = receipt
  const root = toHex(rootFromInclusion(index, checkpoint.size, leafHash(leafInput), path))
  return { ...checkpoint, root, protectedBytes, signature }
}

function onlyValue(map: Map<number | string, CborValue>, label: number, name: string): CborValue | undefined {
  if (map.size !== 1 || !map.has(label)) {
    shape.refuse(name, `only the label ${label}`, [...map.keys()].join(', ') || 'nothing')
  }
  return map.get(label)
}
