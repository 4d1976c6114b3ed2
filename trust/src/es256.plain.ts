import { toHex } from './bytes.ts'
import { createMemo } from './memo.ts'

/** Importing costs as much as verifying, and a Verifier sees the same few keys each epoch. */
const imported = createMemo<Promise<CryptoKey | null>>()

/**
 * Verifies ECDSA on P-256 with SHA-256 (ES256, RFC 9053 §2.1) by WebCrypto. A point that is not on the curve verifies nothing.
 * @param point uncompressed, 65 bytes
 * @param signature r ‖ s, 64 bytes
 */
export async function verifyEs256(point: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const key = await imported(toHex(point), () => importKey(point))
  return key !== null && crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, own(signature), own(message))
}

function importKey(point: Uint8Array): Promise<CryptoKey | null> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  return crypto.subtle.importKey('raw', own(point), algorithm, false, ['verify']).catch(() => null)
}

/** WebCrypto's types refuse views that might lie on shared memory. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
