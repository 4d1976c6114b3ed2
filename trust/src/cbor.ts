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
  const sink: Sink = { bytes: new Uint8Array(256), length: 0 }
  write(sink, value)
  return sink.bytes.slice(0, sink.length)
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

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5 } as const
const FALSE = 0xf4
const TRUE = 0xf5
const NULL = 0xf6
const MAX_DEPTH = 64
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

interface Sink {
  bytes: Uint8Array
  length: number
}

function write(sink: Sink, value: CborValue): void {
  if (typeof value === 'number' || typeof value === 'bigint') writeInteger(sink, value)
  else if (typeof value === 'string') writeSized(sink, MAJOR.text, encoder.encode(value))
  else if (typeof value === 'boolean') append(sink, Uint8Array.of(value ? TRUE : FALSE))
  else if (value === null) append(sink, Uint8Array.of(NULL))
  else if (value instanceof Uint8Array) writeSized(sink, MAJOR.bytes, value)
  else if (Array.isArray(value)) {
    writeHead(sink, MAJOR.array, value.length)
    for (const item of value) write(sink, item)
  } else if (typeof value === 'object') writeMap(sink, value instanceof Map ? value : Object.entries(value))
  else throw new TypeError(`Cannot encode ${typeof value} as CBOR`)
}

function writeInteger(sink: Sink, value: number | bigint): void {
  if (typeof value === 'number' && !Number.isInteger(value)) throw new TypeError(`Cannot encode ${value} as CBOR`)
  if (value >= 0) writeHead(sink, MAJOR.unsigned, value)
  else writeHead(sink, MAJOR.negative, Number.isSafeInteger(value) ? -1 - Number(value) : -1n - BigInt(value))
}

function writeSized(sink: Sink, major: number, bytes: Uint8Array): void {
  writeHead(sink, major, bytes.length)
  append(sink, bytes)
}

function writeMap(sink: Sink, entries: Iterable<[number | string, CborValue]>): void {
  const encoded = Array.from(entries, ([key, value]) => ({ key: encodeCbor(key), value }))
  encoded.sort((a, b) => compare(a.key, b.key))
  writeHead(sink, MAJOR.map, encoded.length)
  for (const { key, value } of encoded) {
    append(sink, key)
    write(sink, value)
  }
}

function writeHead(sink: Sink, major: number, argument: number | bigint): void {
  const type = major << 5
  reserve(sink, 9)
  const { bytes } = sink
  if (argument < 24) bytes[sink.length++] = type | Number(argument)
  else if (argument < 0x100) {
    bytes[sink.length++] = type | 24
    bytes[sink.length++] = Number(argument)
  } else if (BigInt(argument) >= 1n << 64n) throw new TypeError(`Cannot encode ${argument} as CBOR`)
  else {
    const size = argument < 0x10000 ? 2 : argument < 0x100000000 ? 4 : 8
    bytes[sink.length++] = type | (size === 2 ? 25 : size === 4 ? 26 : 27)
    for (let left = BigInt(argument), i = size - 1; i >= 0; i--, left >>= 8n)
      bytes[sink.length + i] = Number(left & 255n)
    sink.length += size
  }
}

function append(sink: Sink, bytes: Uint8Array): void {
  reserve(sink, bytes.length)
  sink.bytes.set(bytes, sink.length)
  sink.length += bytes.length
}

function reserve(sink: Sink, more: number): void {
  if (sink.length + more <= sink.bytes.length) return
  const grown = new Uint8Array((sink.length + more) * 2)
  grown.set(sink.bytes.subarray(0, sink.length))
  sink.bytes = grown
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
  if (first >= 0xe0) return readSimple(cursor, first)
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

function readSimple(cursor: Cursor, first: number): boolean | null {
  cursor.at++
  if (first === FALSE || first === TRUE) return first === TRUE
  return first === NULL ? null : malformed('expected no simple value but false, true and null')
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
  if (length > cursor.bytes.length - cursor.at) return malformed('cut short')
  const start = cursor.at
  cursor.at += Number(length)
  return copy(cursor.bytes, start, cursor.at)
}

function readText(cursor: Cursor, length: number | bigint): string {
  try {
    return decoder.decode(readBytes(cursor, length))
  } catch (cause) {
    return cause instanceof TeapotError ? malformed('cut short') : malformed('expected UTF-8')
  }
}

function readArray(cursor: Cursor, length: number | bigint, depth: number): CborValue[] {
  if (length > cursor.bytes.length - cursor.at) return malformed('cut short')
  const items: CborValue[] = []
  for (let i = 0; i < Number(length); i++) items.push(read(cursor, depth + 1))
  return items
}

function readMap(cursor: Cursor, size: number | bigint, depth: number): Map<number | string, CborValue> {
  if (size > cursor.bytes.length - cursor.at) return malformed('cut short')
  const map = new Map<number | string, CborValue>()
  let previous: Uint8Array | undefined
  for (let i = 0; i < Number(size); i++) {
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
