/** Bytes as lower-case hex with `0x`: how ids and digests travel in memory, in JSON and to the ledger. */
export type Hex = `0x${string}`

declare const brand: unique symbol
/** A SHA-256 digest (32 bytes) as {@link Hex}. */
export type Digest = Hex & { readonly [brand]?: 'Digest' }
/** Node id: SHA-256 of the AK's Name (spec/evidence.md §1). */
export type NodeId = Hex & { readonly [brand]?: 'NodeId' }
/** A 20-byte account or contract address of the ledger, lower case. */
export type Address = Hex & { readonly [brand]?: 'Address' }

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Bytes to `0x…`, lower case. */
export function toHex(bytes: Uint8Array & { toHex?: () => string }): Hex {
  if (bytes.toHex) return `0x${bytes.toHex()}`
  let out = '0x'
  for (let i = 0; i < bytes.length; i++) out += HEX[bytes[i]!]
  return out as Hex
}

/** `0x…` (either case) to bytes. @throws RangeError when it is not an even number of hex digits. */
export function fromHex(hex: string): Uint8Array {
  if (!/^0x([0-9a-fA-F]{2})*$/.test(hex)) throw new RangeError(`Cannot read hex: ${hex.slice(0, 80)}`)
  const out = new Uint8Array((hex.length - 2) / 2)
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(hex.slice(2 + i * 2, 4 + i * 2), 16)
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
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
