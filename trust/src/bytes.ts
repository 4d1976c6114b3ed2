/** Bytes as lower-case hex with `0x`: how ids and digests travel in memory, in JSON and to the ledger. */
export type Hex = `0x${string}`

declare const brand: unique symbol
/** A SHA-256 digest (32 bytes) as {@link Hex}. */
export type Digest = Hex & { readonly [brand]?: 'Digest' }
/** Node id: SHA-256 of the AK's Name (spec/evidence.md §1). */
export type NodeId = Hex & { readonly [brand]?: 'NodeId' }
/** A 20-byte account or contract address of the ledger, lower case. */
export type Address = Hex & { readonly [brand]?: 'Address' }

/** Bytes to `0x…`, lower case. */
export function toHex(bytes: Uint8Array & { toHex?: () => string }): Hex {
  if (bytes.toHex) return `0x${bytes.toHex()}`
  let out = '0x'
  for (let i = 0; i < bytes.length; i++) out += (256 + bytes[i]!).toString(16).slice(1)
  return out as Hex
}

/** `0x…` (either case) to bytes. @throws RangeError when it is not an even number of hex digits. */
export function fromHex(hex: string): Uint8Array {
  const out = new Uint8Array((hex.length - 2) >> 1)
  let seen = hex.startsWith('0x') && hex.length % 2 === 0 ? 0 : NO_DIGIT
  for (let i = 0, at = 2; i < out.length; i++, at += 2) {
    const high = DIGITS[hex.charCodeAt(at)] ?? NO_DIGIT
    const low = DIGITS[hex.charCodeAt(at + 1)] ?? NO_DIGIT
    seen |= high | low
    out[i] = (high << 4) | low
  }
  if (seen >= NO_DIGIT) throw new RangeError(`Cannot read hex: ${hex.slice(0, 80)}`)
  return out
}

const NO_DIGIT = 16
/** What a digit of either case is worth, by its code. */
const DIGITS = Uint8Array.from({ length: 103 }, (_, code) => {
  const digit = Number(`0x${String.fromCharCode(code)}`)
  return digit >= 0 ? digit : NO_DIGIT
})

/** Joins byte strings into a fresh array. */
export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Whether two byte strings are the same. Not constant-time: nothing here compares secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  if (a.length < LONG || (a.byteOffset | b.byteOffset) % 4 > 0) return standsAt(a, 0, b)
  const [x, y] = [wordsOf(a), wordsOf(b)]
  let differ = 0
  for (let i = 0; i < x.length; i++) differ |= x[i]! ^ y[i]!
  return differ === 0 && standsAt(a, x.length * 4, b.subarray(x.length * 4))
}

/** Whether these bytes stand at `at` in others. */
export function standsAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
  return true
}

/** From here on, comparing four bytes at a time is faster, and not stopping at the first that differ. */
const LONG = 1024

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length >> 2)
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
