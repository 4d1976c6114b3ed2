import { type Digest, fromHex } from '@teapot-network/trust'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** The CIDv1 text of one raw block: base32 of version 1, codec raw (0x55), sha2-256 (0x12), 32 bytes, digest. */
export function rawCid(digest: Digest): string {
  let text = 'b'
  let bits = 0
  let held = 0
  for (const byte of [0x01, 0x55, 0x12, 0x20, ...fromHex(digest)]) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31]
    held &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + alphabet[(held << (5 - bits)) & 31]
}
