import { hash } from 'node:crypto'

/** SHA-256 (FIPS 180-4), 32 bytes, synchronous. */
export function sha256(data: Uint8Array): Uint8Array {
  const out = hash('sha256', data, 'buffer')
  return new Uint8Array(out.buffer, out.byteOffset, out.byteLength)
}
