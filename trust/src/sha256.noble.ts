import { sha256 as noble } from '@noble/hashes/sha2.js'

/** SHA-256 (FIPS 180-4), 32 bytes, synchronous. */
export function sha256(data: Uint8Array): Uint8Array {
  return noble(data)
}
