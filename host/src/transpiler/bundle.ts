import { GuestFault } from '../abi/guest-fault.ts'

/** First bytes of a component bundle; the last one is the version of the framing. */
const MAGIC = Uint8Array.of(0x74, 0x70, 0x63, 0x01)
const HEADER_BYTES = 8
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Writes parts into one run of bytes: magic ‖ u32 count ‖ count × (u32 name length ‖ name ‖ u32 length ‖ bytes), little-endian.
 * The order is kept.
 */
export function encodeBundle(parts: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const named = [...parts].map(([name, bytes]) => ({ name: encoder.encode(name), bytes }))
  const out = Buffer.alloc(named.reduce((size, part) => size + 8 + part.name.length + part.bytes.length, HEADER_BYTES))
  out.set(MAGIC)
  let at = out.writeUInt32LE(named.length, MAGIC.length)
  for (const piece of named.flatMap((part) => [part.name, part.bytes])) {
    at = out.writeUInt32LE(piece.length, at)
    out.set(piece, at)
    at += piece.length
  }
  return out
}

/**
 * Reads what {@link encodeBundle} wrote; the parts are views.
 * @throws GuestFault `bad-module` for other bytes, a length beyond the end, bytes after the last part, or a name that comes twice
 */
export function parseBundle(bundle: Uint8Array): Map<string, Uint8Array<ArrayBuffer>> {
  const bytes = Buffer.from(bundle.buffer as ArrayBuffer, bundle.byteOffset, bundle.byteLength)
  if (bytes.length < HEADER_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw malformed('that begins as one', 'other bytes')
  let at = HEADER_BYTES
  const piece = (): Uint8Array<ArrayBuffer> => {
    const start = at + 4
    const length = start <= bytes.length ? bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY
    if (start + length > bytes.length) throw malformed('with all its bytes', `an end at offset ${bytes.length}`)
    at = start + length
    return bytes.subarray(start, at)
  }
  const parts = new Map<string, Uint8Array<ArrayBuffer>>()
  const count = bytes.readUInt32LE(MAGIC.length)
  for (let i = 0; i < count; i++) {
    const name = readName(piece())
    if (parts.has(name)) throw malformed('whose names are each used once', `another ${name}`)
    parts.set(name, piece())
  }
  if (at !== bytes.length) throw malformed('without anything after it', `${bytes.length - at} bytes`)
  return parts
}

function readName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw malformed('with names in UTF-8', 'a name that is not')
  }
}

function malformed(expected: string, found: string): GuestFault {
  return new GuestFault('bad-module', `Expected a component bundle ${expected}, found ${found}`)
}
