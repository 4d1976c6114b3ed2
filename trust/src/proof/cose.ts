import { concatBytes } from '../bytes.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'

/** First byte of a tagged COSE_Sign1: CBOR tag 18 (RFC 9052 §4.2). */
const TAG_SIGN1 = 0xd2
const shape = shapeOf('cose/malformed', 'COSE_Sign1')

/** The parts of a COSE_Sign1 (RFC 9052 §4.2). */
export interface CoseSign1 {
  /** The protected header as it was signed. */
  protectedBytes: Uint8Array
  unprotected: Map<number | string, CborValue>
  /** `null` when detached. */
  payload: Uint8Array | null
  /** r ‖ s, 64 bytes (RFC 9053 §2.1). */
  signature: Uint8Array
}

/**
 * Reads a tagged, deterministic COSE_Sign1 that fills `bytes` exactly.
 * @throws TeapotError `cbor/malformed`, `cose/malformed`.
 */
export function parseCoseSign1(bytes: Uint8Array): CoseSign1 {
  if (bytes[0] !== TAG_SIGN1) shape.refuse('head', 'CBOR tag 18', `${bytes[0]}`)
  const [head, unprotected, payload, signature] = shape.array(decodeCbor(bytes.subarray(1)), 'parts', 4)
  return {
    protectedBytes: shape.bytes(head, 'protected header'),
    unprotected:
      unprotected instanceof Map ? unprotected : shape.refuse('unprotected header', 'a map', typeof unprotected),
    payload: payload === null ? null : shape.bytes(payload, 'payload'),
    signature: shape.bytes(signature, 'signature', 64),
  }
}

/** Writes a tagged COSE_Sign1. */
export function encodeCoseSign1(sign1: CoseSign1): Uint8Array {
  const { protectedBytes, unprotected, payload, signature } = sign1
  return concatBytes(Uint8Array.of(TAG_SIGN1), encodeCbor([protectedBytes, unprotected, payload, signature]))
}

/** The bytes that a COSE_Sign1 signs: its Sig_structure with no external data (RFC 9052 §4.4). */
export function sigStructure(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', protectedBytes, new Uint8Array(0), payload])
}
