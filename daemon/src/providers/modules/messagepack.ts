import { decode, encode } from '@msgpack/msgpack'
import { ProviderRefusal } from '../provider.ts'

const MAX_DEPTH = 16
/** Values other than whole numbers in one payload: each costs memory beyond its own bytes. */
const MAX_VALUES = 1 << 16

/** Bytes that follow the first byte of a value of fixed size, or that hold its length: by first byte from 0xc4. */
const SIZES: readonly (readonly [lengthBytes: number, fixed: number])[] = [
  ...([
    [1, 0],
    [2, 0],
    [4, 0],
  ] as const),
  ...([
    [1, 1],
    [2, 1],
    [4, 1],
  ] as const),
  ...([
    [0, 4],
    [0, 8],
  ] as const),
  ...([
    [0, 1],
    [0, 2],
    [0, 4],
    [0, 8],
  ] as const),
  ...([
    [0, 1],
    [0, 2],
    [0, 4],
    [0, 8],
  ] as const),
  ...([
    [0, 2],
    [0, 3],
    [0, 5],
    [0, 9],
    [0, 17],
  ] as const),
  ...([
    [1, 0],
    [2, 0],
    [4, 0],
  ] as const),
]

/**
 * Decodes the first MessagePack value of a payload; what follows it is left alone (one AssemblyScript codec leaves a stray
 * byte). 64-bit integers come as bigint. The value is walked before anything is made of it, so that a length that lies and
 * nesting without end cost nothing.
 * @throws ProviderRefusal `provider/malformed-payload`
 */
export function decodeFirst(payload: Uint8Array): unknown {
  try {
    return decode(payload.subarray(0, endOfValue(payload)), { useBigInt64: true })
  } catch (cause) {
    throw new ProviderRefusal('provider/malformed-payload', `Expected MessagePack, found ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** Encodes an answer. */
export function encodeValue(value: unknown): Uint8Array {
  return encode(value, { useBigInt64: true, ignoreUndefined: true })
}

/** Where the first value ends (MessagePack specification, Formats). @throws Error naming what is wrong */
function endOfValue(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  /** How many values are left at each depth. */
  const left = [1]
  let at = 0
  let values = 0
  while (left.length > 0) {
    if (left[left.length - 1]! === 0) {
      left.pop()
      continue
    }
    left[left.length - 1]!--
    if (at >= bytes.length) throw new Error(`an end after ${at} bytes`)
    const first = bytes[at++]!
    const inner = innerValues(first, view, at)
    const isInteger = first < 0x80 || first >= 0xe0 || (first >= 0xcc && first <= 0xd3)
    if (!isInteger && ++values > MAX_VALUES) throw new Error(`more than ${MAX_VALUES} values`)
    at += inner.skip
    if (inner.count === 0) continue
    if (left.length >= MAX_DEPTH) throw new Error(`a nesting deeper than ${MAX_DEPTH}`)
    left.push(inner.count)
  }
  return at
}

/** What follows a first byte: bytes to skip, and then values. */
function innerValues(first: number, view: DataView, at: number): { skip: number; count: number } {
  if (first < 0x80 || first >= 0xe0) return { skip: 0, count: 0 }
  if (first < 0x90) return { skip: 0, count: 2 * (first & 0x0f) }
  if (first < 0xa0) return { skip: 0, count: first & 0x0f }
  if (first < 0xc0) return bytesAfter(view, at, first & 0x1f)
  if (first < 0xc4) {
    if (first === 0xc1) throw new Error('the byte 0xc1, which means nothing')
    return { skip: 0, count: 0 }
  }
  if (first >= 0xdc) {
    const wide = first === 0xdd || first === 0xdf
    const count = readLength(view, at, wide ? 4 : 2)
    return { skip: wide ? 4 : 2, count: first >= 0xde ? 2 * count : count }
  }
  const [lengthBytes, fixed] = SIZES[first - 0xc4]!
  const length = lengthBytes === 0 ? 0 : readLength(view, at, lengthBytes)
  return bytesAfter(view, at, lengthBytes + fixed + length)
}

function bytesAfter(view: DataView, at: number, skip: number): { skip: number; count: number } {
  if (skip > view.byteLength - at) throw new Error(`a value of ${skip} bytes where ${view.byteLength - at} are left`)
  return { skip, count: 0 }
}

function readLength(view: DataView, at: number, width: number): number {
  if (at + width > view.byteLength) throw new Error(`an end after ${view.byteLength} bytes`)
  if (width === 1) return view.getUint8(at)
  return width === 2 ? view.getUint16(at) : view.getUint32(at)
}
