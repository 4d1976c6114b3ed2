/** Values deeper than this, or more of them, are no request and no answer: each costs memory beyond its own bytes. */
const MAX_DEPTH = 16
const MAX_VALUES = 1 << 16

/** What is written: maps as objects, nothing as nil. */
export type Packable =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Packable[]
  | { readonly [key: string]: Packable }

/** What is read: maps with text keys as `Map`, whole numbers beyond 53 bits as bigint. */
export type Unpacked = null | boolean | number | bigint | string | Uint8Array | Unpacked[] | Map<string, Unpacked>

/** Encodes as MessagePack (specification, Formats), in the shortest form. */
export function encodeMessagePack(value: Packable): Uint8Array {
  const parts: Uint8Array[] = []
  write(parts, value)
  return Buffer.concat(parts)
}

/**
 * Decodes exactly one MessagePack value. Nothing is made of a length before as many bytes are there.
 * @throws TypeError for anything else: an end too early, bytes behind the value, extensions, keys that are not texts or stand twice,
 * texts that are not UTF-8, more than 16 levels or 65,536 values
 */
export function decodeMessagePack(bytes: Uint8Array): Unpacked {
  const reader = new MessagePackReader(bytes, true)
  const value = reader.read(1)
  if (!reader.done) throw new TypeError('Expected one MessagePack value, found bytes behind it')
  return value
}

/**
 * Decodes the first value as actors of waSCC send it: what follows is left alone (one AssemblyScript codec leaves a stray byte), and
 * whole numbers do not count towards the limit of values, since some send bytes as lists of them.
 * @throws TypeError as {@link decodeMessagePack} besides
 */
export function decodeFirstMessagePack(bytes: Uint8Array): Unpacked {
  return new MessagePackReader(bytes, false).read(1)
}

function write(parts: Uint8Array[], value: Packable): void {
  if (value === null || value === undefined) parts.push(Uint8Array.of(0xc0))
  else if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? 0xc3 : 0xc2))
  else if (typeof value === 'number' || typeof value === 'bigint') parts.push(numberBytes(value))
  else if (typeof value === 'string') {
    const text = Buffer.from(value)
    parts.push(head(text.length, { fixed: 0xa0, fits: 31, wide: [0xd9, 0xda, 0xdb] }), text)
  } else if (value instanceof Uint8Array) parts.push(head(value.length, { wide: [0xc4, 0xc5, 0xc6] }), value)
  else if (isList(value)) {
    parts.push(head(value.length, { fixed: 0x90, fits: 15, wide: [undefined, 0xdc, 0xdd] }))
    for (const item of value) write(parts, item)
  } else {
    const entries = Object.entries(value)
    parts.push(head(entries.length, { fixed: 0x80, fits: 15, wide: [undefined, 0xde, 0xdf] }))
    for (const [key, item] of entries) {
      write(parts, key)
      write(parts, item)
    }
  }
}

const isList = (value: Packable): value is readonly Packable[] => Array.isArray(value)

interface Forms {
  readonly fixed?: number
  readonly fits?: number
  /** First bytes for lengths of 8, 16 and 32 bits. */
  readonly wide: readonly [number | undefined, number, number]
}

function head(length: number, { fixed = 0, fits = -1, wide: [one, two, four] }: Forms): Uint8Array {
  if (length <= fits) return Uint8Array.of(fixed | length)
  if (one !== undefined && length < 1 << 8) return Uint8Array.of(one, length)
  if (length < 1 << 16) return Uint8Array.of(two, length >> 8, length & 255)
  const bytes = Buffer.alloc(5, four)
  bytes.writeUInt32BE(length, 1)
  return bytes
}

/** What fits into 8, 16 and 32 bits. */
const LEAST = [-(2 ** 7), -(2 ** 15), -(2 ** 31)]
const MOST = [2 ** 8 - 1, 2 ** 16 - 1, 2 ** 32 - 1]

/** Whole numbers in the shortest form, others as 64 bits of floating point. */
function numberBytes(value: number | bigint): Uint8Array {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    const bytes = Buffer.of(0xcb, 0, 0, 0, 0, 0, 0, 0, 0)
    bytes.writeDoubleBE(value, 1)
    return bytes
  }
  if (value >= -32 && value < 128) return Uint8Array.of(Number(value) & 255)
  const wider = value < 0 ? LEAST.filter((bound) => value < bound) : MOST.filter((bound) => value > bound)
  const bytes = Buffer.alloc(9)
  if (value < 0) bytes.writeBigInt64BE(BigInt(value), 1)
  else bytes.writeBigUInt64BE(BigInt(value), 1)
  // The last of the eight bytes, with the form before them.
  const from = 8 - 2 ** wider.length
  bytes[from] = (value < 0 ? 0xd0 : 0xcc) + wider.length
  return bytes.subarray(from)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class MessagePackReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  /** Whether whole numbers count as values. */
  readonly #strict: boolean
  #at = 0
  #values = 0

  constructor(bytes: Uint8Array, strict: boolean) {
    this.#strict = strict
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  read(depth: number): Unpacked {
    const first = this.#view.getUint8(this.#skip(1))
    const whole = first < 0x80 || first >= 0xe0 || (first >= 0xcc && first <= 0xd3)
    if ((this.#strict || !whole) && ++this.#values > MAX_VALUES)
      throw new TypeError(`Expected at most ${MAX_VALUES} MessagePack values, found more`)
    if (first < 0x80) return first
    if (first >= 0xe0) return first - 0x100
    if (first < 0x90) return this.#map(first & 0x0f, depth)
    if (first < 0xa0) return this.#list(first & 0x0f, depth)
    if (first < 0xc0) return this.#text(first & 0x1f)
    if (first >= 0xdc)
      return first < 0xde ? this.#list(this.#length(first - 0xdb), depth) : this.#map(this.#length(first - 0xdd), depth)
    if (first >= 0xd9) return this.#text(this.#length(first - 0xd9))
    if (first >= 0xc4 && first < 0xc7) return new Uint8Array(this.#take(this.#length(first - 0xc4)))
    return this.#scalar(first)
  }

  #scalar(first: number): Unpacked {
    const view = this.#view
    if (first === 0xc0) return null
    if (first === 0xc2 || first === 0xc3) return first === 0xc3
    if (first === 0xca) return view.getFloat32(this.#skip(4))
    if (first === 0xcb) return view.getFloat64(this.#skip(8))
    if (first === 0xcc) return view.getUint8(this.#skip(1))
    if (first === 0xcd) return view.getUint16(this.#skip(2))
    if (first === 0xce) return view.getUint32(this.#skip(4))
    if (first === 0xcf) return narrow(view.getBigUint64(this.#skip(8)))
    if (first === 0xd0) return view.getInt8(this.#skip(1))
    if (first === 0xd1) return view.getInt16(this.#skip(2))
    if (first === 0xd2) return view.getInt32(this.#skip(4))
    if (first === 0xd3) return narrow(view.getBigInt64(this.#skip(8)))
    throw new TypeError(
      `Expected MessagePack without extensions, found a value that begins with 0x${first.toString(16)}`,
    )
  }

  #list(count: number, depth: number): Unpacked[] {
    this.#enter(count, depth)
    const list: Unpacked[] = []
    for (let i = 0; i < count; i++) list.push(this.read(depth + 1))
    return list
  }

  #map(count: number, depth: number): Map<string, Unpacked> {
    this.#enter(2 * count, depth)
    const map = new Map<string, Unpacked>()
    for (let i = 0; i < count; i++) {
      const key = this.read(depth + 1)
      if (typeof key !== 'string') throw new TypeError(`Expected texts as MessagePack keys, found a ${typeof key}`)
      map.set(key, this.read(depth + 1))
    }
    if (map.size < count) throw new TypeError('Expected each MessagePack key once, found one that stands twice')
    return map
  }

  /** Each value takes a byte at least. */
  #enter(count: number, depth: number): void {
    if (depth >= MAX_DEPTH) throw new TypeError(`Expected MessagePack at most ${MAX_DEPTH} levels deep, found more`)
    if (count > this.#bytes.length - this.#at) throw new TypeError(`Expected ${count} MessagePack values, found an end`)
  }

  #text(length: number): string {
    try {
      return utf8.decode(this.#take(length))
    } catch {
      throw new TypeError('Expected a text in UTF-8, found other bytes or an end')
    }
  }

  /** A length of 8, 16 or 32 bits. */
  #length(width: number): number {
    if (width === 0) return this.#view.getUint8(this.#skip(1))
    return width === 1 ? this.#view.getUint16(this.#skip(2)) : this.#view.getUint32(this.#skip(4))
  }

  #take(length: number): Uint8Array {
    const at = this.#skip(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** @returns where the bytes are that are passed over */
  #skip(length: number): number {
    const at = this.#at
    if (length > this.#bytes.length - at)
      throw new TypeError(`Expected ${length} more bytes of MessagePack, found ${this.#bytes.length - at}`)
    this.#at += length
    return at
  }
}

const narrow = (value: bigint) => (BigInt.asIntN(54, value) === value && value !== -(2n ** 53n) ? Number(value) : value)
