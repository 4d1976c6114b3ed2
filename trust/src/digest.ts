import { sha256 } from '#sha256'
import { type Digest, toHex } from './bytes.ts'

export { sha256 }

/** SHA-256 of some bytes as `0x…`. */
export function digestOf(data: Uint8Array): Digest {
  return toHex(sha256(data))
}
