import type { Digest } from './bytes.ts'
import { digestOf } from './digest.ts'
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

/**
 * Deterministic CBOR (RFC 8949 §4.2.1): shortest heads, map keys in bytewise order of their encodings.
 * @throws TypeError for what our CBOR does not carry: undefined, fractions, integers past 64 bits
 */
export function encodeCbor(value: CborValue): Uint8Array {
  return encoded(value, (bytes) => bytes.slice())
}

/** SHA-256 of what {@link encodeCbor} gives, without making it. */
export function cborDigest(value: CborValue): Digest {
  return encoded(value, digestOf)
}

function encoded<T>(value: CborValue, use: (bytes: Uint8Array) => T): T {
  const start = written
  try {
    write(value)
    return use(sink.subarray(start, written))
  } finally {
    written = start
    if (start === 0 && sink.length > KEPT_BYTES) openSink(KEPT_BYTES)
  }
}

/**
 * Reads one deterministic CBOR item that fills `bytes` exactly; maps come back as `Map`, integers past 2^53 as bigint.
 * Ours, and not a library's, as it checks the form while it reads: that is a tenth of the time and of the size.
 * @throws TeapotError `cbor/malformed` for anything truncated, trailing, indefinite, repeated, out of order or not in shortest form.
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const cursor = openCursor(bytes)
  const value = read(cursor, 0)
  if (cursor.at !== bytes.length) malformed(`expected nothing more, found ${bytes.length - cursor.at} trailing bytes`)
  return value
}

/**
 * Reads a CBOR sequence (RFC 8742) of deterministic items.
 * @throws TeapotError `cbor/malformed`, also when the last item is cut short.
 */
export function decodeCborSequence(bytes: Uint8Array): { value: CborValue; bytes: Uint8Array }[] {
  const items: { value: CborValue; bytes: Uint8Array }[] = []
  const cursor = openCursor(bytes)
  while (cursor.at < bytes.length) {
    const start = cursor.at
    items.push({ value: read(cursor, 0), bytes: copy(cursor.bytes, start, cursor.at) })
  }
  return items
}

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, simple: 7 } as const
const FALSE = 20
const TRUE = 21
const NULL = 22
const MAX_DEPTH = 64
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Kept from one encoding to the next, as making it takes longer than most encodings. */
const KEPT_BYTES = 4096
let sink: Uint8Array
let view: DataView
/** How much of it is taken by the encodings that are under way. */
let written = 0
openSink(KEPT_BYTES)

function openSink(sizeBytes: number): void {
  sink = new Uint8Array(sizeBytes)
  view = new DataView(sink.buffer)
}

function write(value: CborValue): void {
  if (typeof value === 'number' || typeof value === 'bigint') writeInteger(value)
  else if (typeof value === 'string') writeSized(MAJOR.text, encoder.encode(value))
  else if (typeof value === 'boolean') writeHead(MAJOR.simple, value ? TRUE : FALSE)
  else if (value === null) writeHead(MAJOR.simple, NULL)
  else if (value instanceof Uint8Array) writeSized(MAJOR.bytes, value)
  else if (Array.isArray(value)) {
    writeHead(MAJOR.array, value.length)
    for (const item of value) write(item)
  } else if (typeof value === 'object') writeMap(value instanceof Map ? value : Object.entries(value))
  else throw new TypeError(`Cannot encode ${typeof value} as CBOR`)
}

function writeInteger(value: number | bigint): void {
  if (typeof value === 'number' && !Number.isInteger(value)) throw new TypeError(`Cannot encode ${value} as CBOR`)
  if (value >= 0) writeHead(MAJOR.unsigned, value)
  else writeHead(MAJOR.negative, Number.isSafeInteger(value) ? -1 - Number(value) : -1n - BigInt(value))
}

function writeSized(major: number, bytes: Uint8Array): void {
  writeHead(major, bytes.length)
  append(bytes)
}

function writeMap(entries: Iterable<[number | string, CborValue]>): void {
  const encoded = Array.from(entries, ([key, value]) => ({ key: encodeCbor(key), value }))
  encoded.sort((a, b) => compare(a.key, b.key))
  writeHead(MAJOR.map, encoded.length)
  for (const { key, value } of encoded) {
    append(key)
    write(value)
  }
}

function writeHead(major: number, argument: number | bigint): void {
  reserve(9)
  const info =
    argument < 24 ? Number(argument) : argument < 0x100 ? 24 : argument < 0x10000 ? 25 : argument < WORD ? 26 : 27
  sink[written++] = (major << 5) | info
  if (info < 24) return
  const size = 1 << (info - 24)
  // Written from its upper end, so that what is too much is overwritten.
  if (size < 8) view.setInt32(written, Number(argument) << (32 - size * 8))
  else if (BigInt(argument) < 1n << 64n) view.setBigUint64(written, BigInt(argument))
  else throw new TypeError(`Cannot encode ${argument} as CBOR`)
  written += size
}

/** One more than what four bytes can say. */
const WORD = 2 ** 32

function append(bytes: Uint8Array): void {
  reserve(bytes.length)
  sink.set(bytes, written)
  written += bytes.length
}

function reserve(more: number): void {
  if (written + more <= sink.length) return
  const before = sink
  openSink((written + more) * 2)
  sink.set(before)
}

interface Cursor {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
}

function openCursor(bytes: Uint8Array): Cursor {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 }
}

function read(cursor: Cursor, depth: number): CborValue {
  if (depth > MAX_DEPTH) malformed(`expected at most ${MAX_DEPTH} levels`)
  const first = cursor.bytes[cursor.at]
  if (first === undefined) return malformed('cut short')
  if (first >> 5 === MAJOR.simple) return readSimple(cursor, first & 31)
  const argument = readArgument(cursor)
  switch (first >> 5) {
    case MAJOR.unsigned:
      return argument
    case MAJOR.negative:
      return typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER ? -1 - argument : -1n - BigInt(argument)
    case MAJOR.bytes:
      return readBytes(cursor, argument)
    case MAJOR.text:
      return readText(cursor, argument)
    case MAJOR.array:
      return readArray(cursor, argument, depth)
    case MAJOR.map:
      return readMap(cursor, argument, depth)
    default:
      return malformed('expected no tags')
  }
}

function readSimple(cursor: Cursor, info: number): boolean | null {
  cursor.at++
  if (info === FALSE || info === TRUE) return info === TRUE
  return info === NULL ? null : malformed('expected no simple value but false, true and null')
}

/** The head's argument, which must stand in its shortest form. */
function readArgument(cursor: Cursor): number | bigint {
  const { view } = cursor
  const info = view.getUint8(cursor.at++) & 31
  if (info < 24) return info
  const size = 1 << (info - 24)
  if (size > 8) return malformed('expected a definite length')
  if (cursor.at + size > view.byteLength) return malformed('cut short')
  const at = cursor.at
  cursor.at += size
  if (size === 8) {
    const value = view.getBigUint64(at)
    if (value < 0x100000000n) malformed('not in shortest form (RFC 8949 §4.2.1)')
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
  }
  const value = size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at)
  return value >= (size === 1 ? 24 : size === 2 ? 0x100 : 0x10000) ? value : malformed('not in shortest form')
}

function readBytes(cursor: Cursor, length: number | bigint): Uint8Array {
  const start = cursor.at
  cursor.at += within(cursor, length)
  return copy(cursor.bytes, start, cursor.at)
}

function readText(cursor: Cursor, length: number | bigint): string {
  const bytes = readBytes(cursor, length)
  try {
    return decoder.decode(bytes)
  } catch {
    return malformed('expected UTF-8')
  }
}

function readArray(cursor: Cursor, length: number | bigint, depth: number): CborValue[] {
  const items: CborValue[] = []
  for (let left = within(cursor, length); left > 0; left--) items.push(read(cursor, depth + 1))
  return items
}

function readMap(cursor: Cursor, size: number | bigint, depth: number): Map<number | string, CborValue> {
  const map = new Map<number | string, CborValue>()
  let previous: Uint8Array | undefined
  for (let left = within(cursor, size); left > 0; left--) {
    const start = cursor.at
    const key = read(cursor, depth + 1)
    if (typeof key !== 'number' && typeof key !== 'string') return malformed('expected text or integer keys')
    const encoded = cursor.bytes.subarray(start, cursor.at)
    if (previous && compare(previous, encoded) >= 0) malformed('expected map keys in order, each once')
    previous = encoded
    map.set(key, read(cursor, depth + 1))
  }
  return map
}

/** So many bytes, or items of a byte at least, can only be announced where there are as many left. */
function within(cursor: Cursor, announced: number | bigint): number {
  return announced > cursor.bytes.length - cursor.at ? malformed('cut short') : Number(announced)
}

/** A copy even where `bytes` is a Node Buffer, whose `slice` would alias. */
function copy(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, from, to)
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

function malformed(problem: string): never {
  throw new TeapotError('cbor/malformed', `Cannot read CBOR: ${problem}`)
}
