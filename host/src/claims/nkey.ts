/** What a key is for: the first letter of its text. */
export const NkeyPrefix = { account: 0 << 3, module: 12 << 3 } as const

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const TEXT_CHARACTERS = 56
const KEY_BYTES = 32

/**
 * The Ed25519 public key in an nkey: base32 (RFC 4648 §6, no padding) of prefix byte ‖ key ‖ CRC-16, as NATS defines them
 * (github.com/nats-io/nkeys). @returns undefined for another length, prefix or checksum
 */
export function parseNkey(text: string, prefix: number): Uint8Array | undefined {
  if (text.length !== TEXT_CHARACTERS) return undefined
  let value = 0n
  for (const character of text) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return undefined
    value = (value << 5n) | BigInt(digit)
  }
  const bytes = Buffer.from(value.toString(16).padStart(70, '0'), 'hex')
  const body = bytes.subarray(0, 1 + KEY_BYTES)
  if (body[0] !== prefix || bytes.readUInt16LE(body.length) !== crc16(body)) return undefined
  return new Uint8Array(body.subarray(1))
}

/** The inverse of {@link parseNkey}. */
export function encodeNkey(key: Uint8Array, prefix: number): string {
  const body = Buffer.of(prefix, ...key, 0, 0)
  body.writeUInt16LE(crc16(body.subarray(0, -2)), body.length - 2)
  let value = BigInt(`0x${body.toString('hex')}`)
  let text = ''
  for (; text.length < TEXT_CHARACTERS; value >>= 5n) text = ALPHABET[Number(value & 31n)] + text
  return text
}

/** CRC-16/XMODEM: polynomial 0x1021, start 0. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let i = 0; i < 8; i++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  return crc
}
