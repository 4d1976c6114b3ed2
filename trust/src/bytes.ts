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
  const digits = hex.slice(2)
  if (!hex.startsWith('0x') || digits.length % 2 || /[^\da-f]/i.test(digits)) {
    throw new RangeError(`Cannot read hex: ${hex.slice(0, 80)}`)
  }
  const out: Uint8Array & { setFromHex?: (hex: string) => void } = new Uint8Array(digits.length / 2)
  if (out.setFromHex) out.setFromHex(digits)
  else for (let i = 0; i < out.length; i++) out[i] = Number(`0x${digits.slice(i * 2, i * 2 + 2)}`)
  return out
}

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
  // Node compares a long log in a twentieth of the time of a loop.
  if (compare) return compare(a, b) === 0
  return a.length === b.length && standsAt(a, 0, b)
}

const compare = globalThis.Buffer?.compare

/** Whether these bytes stand at `at` in others. */
export function standsAt(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
  return true
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

const encoder = new TextEncoder()
