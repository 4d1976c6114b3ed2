import { decode, decodeFirst, encode, type Token, Type } from 'cborg'
import { TeapotError } from './teapot-error.ts'

/** What our CBOR carries: integers, byte and text strings, arrays, maps (text or integer keys), booleans, null. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | CborValue[]
  | Map<number | string, CborValue>
  | { [key: string]: CborValue }

/** Deterministic CBOR (RFC 8949 §4.2.1): shortest heads, map keys in bytewise order of their encodings. */
export function encodeCbor(value: CborValue): Uint8Array {
  return encode(value, { mapSorter: byEncodedKey, typeEncoders: { undefined: refuseUndefined } })
}

/**
 * Reads one deterministic CBOR item that fills `bytes` exactly; maps come back as `Map`.
 * @throws TeapotError `cbor/malformed` for anything truncated, trailing, indefinite, repeated, out of order or not in shortest form.
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  let value: CborValue
  try {
    value = decode(bytes, strict)
  } catch (cause) {
    throw new TeapotError('cbor/malformed', `Cannot read CBOR: ${(cause as Error).message}`, { cause })
  }
  const again = encodeCbor(value)
  if (again.length !== bytes.length || !again.every((b, i) => b === bytes[i])) {
    throw new TeapotError('cbor/malformed', 'Cannot read CBOR: not in deterministic form (RFC 8949 §4.2.1)')
  }
  return value
}

/**
 * Reads a CBOR sequence (RFC 8742) of deterministic items.
 * @throws TeapotError `cbor/malformed`, also when the last item is cut short.
 */
export function decodeCborSequence(bytes: Uint8Array): { value: CborValue; bytes: Uint8Array }[] {
  const items: { value: CborValue; bytes: Uint8Array }[] = []
  let rest = bytes
  while (rest.length > 0) {
    let left: Uint8Array
    try {
      left = decodeFirst(rest, strict)[1]
    } catch (cause) {
      throw new TeapotError('cbor/malformed', `Cannot read CBOR sequence: ${(cause as Error).message}`, { cause })
    }
    const own = rest.slice(0, rest.length - left.length)
    items.push({ value: decodeCbor(own), bytes: own })
    rest = left
  }
  return items
}

const strict = {
  strict: true,
  useMaps: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
} as const

function refuseUndefined(): null {
  throw new TypeError('Cannot encode undefined as CBOR')
}

/** Compares [key, value] token pairs by the bytewise order of the encoded keys. */
function byEncodedKey(a: (Token | Token[])[], b: (Token | Token[])[]): number {
  const [x, y] = [encodedKey(a[0] as Token), encodedKey(b[0] as Token)]
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!
  return x.length - y.length
}

function encodedKey(token: Token): Uint8Array {
  if (Type.equals(token.type, Type.bytes)) throw new TypeError('Cannot encode a byte string as a map key')
  return encode(token.value)
}
