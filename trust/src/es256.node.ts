import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { toHex } from './bytes.ts'
import { createMemo } from './memo.ts'

/** Importing costs as much as verifying, and a Verifier sees the same few keys each epoch. */
const imported = createMemo<KeyObject | null>()

/** As `es256.plain.ts`, in two thirds of the time: WebCrypto takes every signature to another thread and back. */
export async function verifyEs256(point: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const key = imported(toHex(point), () => importKey(point))
  return key !== null && verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

function importKey(point: Uint8Array): KeyObject | null {
  if (point.length !== 65 || point[0] !== 4) return null
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => Buffer.from(part).toString('base64url'))
  try {
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' })
  } catch {
    // Not a point of the curve.
    return null
  }
}
