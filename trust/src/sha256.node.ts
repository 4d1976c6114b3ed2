import { hash } from 'node:crypto'
import type { Digest } from './bytes.ts'

const { write } = Buffer.prototype

/** SHA-256 of some bytes as `0x…`. */
export function digestOf(data: Uint8Array): Digest {
  return `0x${hash('sha256', data)}` as Digest
}

/**
 * SHA-256 (FIPS 180-4), 32 bytes, synchronous. Through a string, as that takes Node half the time of a Buffer.
 * @param out takes the 32 bytes; may be where `data` is
 */
export function sha256(data: Uint8Array, out: Uint8Array = new Uint8Array(32)): Uint8Array {
  const text = hash('sha256', data, 'latin1')
  write.call(out, text, 0, 32, 'latin1')
  return out
}
