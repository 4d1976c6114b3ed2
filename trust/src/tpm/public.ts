import { concatBytes, fromHex, type NodeId, toHex } from '../bytes.ts'
import { sha256 } from '../digest.ts'
import { leftPad, readWire, refuseTpm, TPM_ALG, type WireReader } from './wire.ts'

/** TPMA_OBJECT bits that we look at (TPM 2.0 Part 2 §8.3). */
export const TPMA = {
  fixedTpm: 0x2,
  fixedParent: 0x10,
  sensitiveDataOrigin: 0x20,
  userWithAuth: 0x40,
  adminWithPolicy: 0x80,
  noDa: 0x400,
  restricted: 0x10000,
  decrypt: 0x20000,
  sign: 0x40000,
} as const

/** A TPMT_PUBLIC of an ECC or RSA key (TPM 2.0 Part 2 §12.2.4). */
export interface TpmPublic {
  nameAlg: number
  attributes: number
  authPolicy: Uint8Array
  /** TPM_ALG_NULL unless it is a storage key. */
  symmetric: number
  scheme: number
  /** Hash of the scheme; TPM_ALG_NULL when the scheme is null. */
  schemeHash: number
  key:
    | { type: 'ecc'; curve: 'P-256' | 'P-384'; kdf: number; x: Uint8Array; y: Uint8Array }
    | { type: 'rsa'; bits: number; exponent: number; modulus: Uint8Array }
}

const CURVES: Readonly<Record<number, { curve: 'P-256' | 'P-384'; size: number }>> = {
  3: { curve: 'P-256', size: 32 },
  4: { curve: 'P-384', size: 48 },
}
const HASHED_SCHEMES: readonly number[] = [TPM_ALG.rsassa, TPM_ALG.rsapss, TPM_ALG.oaep, TPM_ALG.ecdsa, TPM_ALG.ecdh]
/** The attributes of our AK: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign. */
const AK_ATTRIBUTES = 0x00050472
const AK_HEAD = fromHex('0x0023000b00050472000000100018000b000300100020')
const COORDINATE_HEAD = Uint8Array.of(0, 32)

/**
 * Reads a TPMT_PUBLIC; coordinates are padded to the curve's size.
 * @throws TeapotError `tpm/malformed` for other key types and curves, unknown schemes, truncation or trailing bytes
 */
export function parseTpmPublic(bytes: Uint8Array): TpmPublic {
  const reader = readWire(bytes, 'TPMT_PUBLIC')
  const type = reader.u16()
  const common = { nameAlg: reader.u16(), attributes: reader.u32(), authPolicy: reader.sized() }
  if (type !== TPM_ALG.ecc && type !== TPM_ALG.rsa) refuseTpm('TPMT_PUBLIC', 'an ECC or RSA key', hex16(type))
  const symmetric = readSymmetric(reader)
  const { scheme, hash: schemeHash } = readScheme(reader)
  const key = type === TPM_ALG.ecc ? readEcc(reader) : readRsa(reader)
  reader.end()
  return { ...common, symmetric, scheme, schemeHash, key }
}

/** The key's Name: nameAlg ‖ SHA-256(TPMT_PUBLIC), 34 bytes. @throws TeapotError `tpm/malformed` when nameAlg is not SHA-256 */
export function tpmName(publicArea: Uint8Array): Uint8Array {
  const nameAlg = readWire(publicArea.subarray(2), 'TPMT_PUBLIC').u16()
  if (nameAlg !== TPM_ALG.sha256) refuseTpm('TPMT_PUBLIC', 'name algorithm SHA-256', hex16(nameAlg))
  return concatBytes(Uint8Array.of(0x00, 0x0b), sha256(publicArea))
}

/** The TPMT_PUBLIC of an AK with this point: spec/evidence.md §1. */
export function akPublic(x: Uint8Array, y: Uint8Array): Uint8Array {
  return concatBytes(AK_HEAD, leftPad(x, 32), COORDINATE_HEAD, leftPad(y, 32))
}

/** SHA-256 of the AK's Name. @throws TeapotError `tpm/malformed` when nameAlg is not SHA-256 */
export function nodeIdOf(publicArea: Uint8Array): NodeId {
  return toHex(sha256(tpmName(publicArea)))
}

/** Where an AK departs from the one template that we take; undefined when nowhere (spec/evidence.md §1). */
export function akProblem(ak: TpmPublic): { expected: string; found: string } | undefined {
  const wrong = (expected: string, found: string) => ({ expected, found })
  if (ak.key.type !== 'ecc' || ak.key.curve !== 'P-256') {
    return wrong('a P-256 key', ak.key.type === 'rsa' ? `RSA-${ak.key.bits}` : ak.key.curve)
  }
  if (ak.nameAlg !== TPM_ALG.sha256) return wrong('name algorithm SHA-256', hex16(ak.nameAlg))
  if (ak.attributes !== AK_ATTRIBUTES) {
    return wrong('attributes 0x00050472: fixed, restricted, signing only', `0x${hex32(ak.attributes)}`)
  }
  if (ak.authPolicy.length !== 0) return wrong('no policy', `one of ${ak.authPolicy.length} bytes`)
  if (ak.scheme !== TPM_ALG.ecdsa || ak.schemeHash !== TPM_ALG.sha256) {
    return wrong('scheme ECDSA with SHA-256', `${hex16(ak.scheme)} with ${hex16(ak.schemeHash)}`)
  }
  if (ak.symmetric !== TPM_ALG.null || ak.key.kdf !== TPM_ALG.null) return wrong('no symmetric cipher or KDF', 'one')
  return undefined
}

function readSymmetric(reader: WireReader): number {
  const algorithm = reader.u16()
  if (algorithm === TPM_ALG.null) return algorithm
  if (algorithm !== TPM_ALG.aes) refuseTpm('TPMT_PUBLIC', 'AES or no symmetric cipher', hex16(algorithm))
  reader.raw(4)
  return algorithm
}

function readScheme(reader: WireReader): { scheme: number; hash: number } {
  const scheme = reader.u16()
  if (scheme === TPM_ALG.null || scheme === TPM_ALG.rsaes) return { scheme, hash: TPM_ALG.null }
  if (!HASHED_SCHEMES.includes(scheme)) refuseTpm('TPMT_PUBLIC', 'a known scheme', hex16(scheme))
  return { scheme, hash: reader.u16() }
}

function readEcc(reader: WireReader): TpmPublic['key'] {
  const id = reader.u16()
  const known = CURVES[id]
  if (!known) return refuseTpm('TPMT_PUBLIC', 'curve P-256 or P-384', hex16(id))
  const kdf = reader.u16()
  if (kdf !== TPM_ALG.null) reader.u16()
  const x = leftPad(reader.sized(), known.size)
  return { type: 'ecc', curve: known.curve, kdf, x, y: leftPad(reader.sized(), known.size) }
}

function readRsa(reader: WireReader): TpmPublic['key'] {
  const bits = reader.u16()
  const exponent = reader.u32() || 65537
  const modulus = reader.sized()
  if (modulus.length * 8 !== bits) refuseTpm('TPMT_PUBLIC', `a modulus of ${bits} bits`, `${modulus.length * 8}`)
  return { type: 'rsa', bits, exponent, modulus }
}

function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}
