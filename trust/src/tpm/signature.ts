import { base64url } from '../base64url.ts'
import { toHex } from '../bytes.ts'
import type { TpmPublic } from './public.ts'
import { leftPad, readWire, refuseTpm, TPM_ALG, TPM_HASHES } from './wire.ts'

/** A TPMT_SIGNATURE (TPM 2.0 Part 2 §11.3.4). */
export type TpmSignature =
  | { scheme: 'ecdsa'; hash: number; r: Uint8Array; s: Uint8Array }
  | { scheme: 'rsassa' | 'rsapss'; hash: number; signature: Uint8Array }

/** @throws TeapotError `tpm/malformed` for other schemes, truncation or trailing bytes */
export function parseTpmSignature(bytes: Uint8Array): TpmSignature {
  const reader = readWire(bytes, 'TPMT_SIGNATURE')
  const id = reader.u16()
  const hash = reader.u16()
  let signature: TpmSignature
  if (id === TPM_ALG.ecdsa) signature = { scheme: 'ecdsa', hash, r: reader.sized(), s: reader.sized() }
  else if (id === TPM_ALG.rsassa) signature = { scheme: 'rsassa', hash, signature: reader.sized() }
  else if (id === TPM_ALG.rsapss) signature = { scheme: 'rsapss', hash, signature: reader.sized() }
  else return refuseTpm('TPMT_SIGNATURE', 'ECDSA, RSASSA or RSAPSS', `0x${id.toString(16)}`)
  reader.end()
  return signature
}

/**
 * Whether the key signed the message. The key's own scheme, where it has one, must be the signature's;
 * SHA-1 signatures, points off the curve and numbers out of range are `false`.
 */
export async function verifyTpmSignature(
  key: TpmPublic,
  message: Uint8Array,
  signature: TpmSignature,
): Promise<boolean> {
  const hash = TPM_HASHES[signature.hash]
  if (!hash || (key.key.type === 'ecc') !== (signature.scheme === 'ecdsa')) return false
  if (key.scheme !== TPM_ALG.null && (key.schemeHash !== signature.hash || key.scheme !== schemeId(signature))) {
    return false
  }
  try {
    const imported = await importCached(key, signature.scheme, hash)
    return await crypto.subtle.verify(
      { name: imported.algorithm.name, hash, saltLength: Number.parseInt(hash.slice(4), 10) / 8 },
      imported,
      rawSignature(key, signature),
      new Uint8Array(message),
    )
  } catch {
    return false
  }
}

function schemeId(signature: TpmSignature): number {
  return TPM_ALG[signature.scheme]
}

function rawSignature(key: TpmPublic, signature: TpmSignature): Uint8Array<ArrayBuffer> {
  if (signature.scheme !== 'ecdsa') return new Uint8Array(signature.signature)
  const size = key.key.type === 'ecc' && key.key.curve === 'P-384' ? 48 : 32
  const raw = new Uint8Array(size * 2)
  raw.set(leftPad(signature.r, size))
  raw.set(leftPad(signature.s, size), size)
  return raw
}

/** Importing costs as much as verifying, and a Verifier sees the same few keys each epoch. Oldest goes first. */
const imported = new Map<string, Promise<CryptoKey>>()
const MAX_IMPORTED = 1024

function importCached(key: TpmPublic, scheme: TpmSignature['scheme'], hash: string): Promise<CryptoKey> {
  const id = `${scheme} ${hash} ${key.key.type === 'ecc' ? toHex(key.key.x) + toHex(key.key.y) : toHex(key.key.modulus)}`
  const known = imported.get(id)
  if (known) return known
  const fresh = importKey(key, scheme, hash)
  if (imported.size >= MAX_IMPORTED) imported.delete(imported.keys().next().value!)
  imported.set(id, fresh)
  return fresh
}

function importKey(key: TpmPublic, scheme: TpmSignature['scheme'], hash: string): Promise<CryptoKey> {
  if (key.key.type === 'ecc') {
    const jwk = { kty: 'EC', crv: key.key.curve, x: base64url(key.key.x), y: base64url(key.key.y) }
    return crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: key.key.curve }, false, ['verify'])
  }
  const name = scheme === 'rsapss' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5'
  const jwk = { kty: 'RSA', n: base64url(key.key.modulus), e: base64url(exponentBytes(key.key.exponent)) }
  return crypto.subtle.importKey('jwk', jwk, { name, hash }, false, ['verify'])
}

function exponentBytes(exponent: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, exponent)
  return bytes.subarray(Math.floor(Math.clz32(exponent) / 8))
}
