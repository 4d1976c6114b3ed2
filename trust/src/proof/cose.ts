import { concatBytes } from '../bytes.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor.ts'
import { TeapotError } from '../teapot-error.ts'

/** First byte of a tagged COSE_Sign1: CBOR tag 18 (RFC 9052 §4.2). */
const TAG_SIGN1 = 0xd2

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
  if (bytes[0] !== TAG_SIGN1) throw coseMalformed('expected CBOR tag 18')
  const parts = decodeCbor(bytes.subarray(1))
  if (!Array.isArray(parts) || parts.length !== 4) throw coseMalformed('expected an array of four')
  const [protectedBytes, unprotected, payload, signature] = parts
  if (!(protectedBytes instanceof Uint8Array)) throw coseMalformed('expected a byte string as protected header')
  if (!(unprotected instanceof Map)) throw coseMalformed('expected a map as unprotected header')
  if (payload !== null && !(payload instanceof Uint8Array)) throw coseMalformed('expected bytes or null as payload')
  if (!(signature instanceof Uint8Array) || signature.length !== 64) {
    throw coseMalformed('expected a signature of 64 bytes')
  }
  return { protectedBytes, unprotected, payload: payload ?? null, signature }
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

function coseMalformed(what: string): TeapotError {
  return new TeapotError('cose/malformed', `Cannot read COSE_Sign1: ${what}`)
}
