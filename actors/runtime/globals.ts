// What authors expect of any JavaScript, and QuickJS lacks or has only when the component is built.
import { log } from 'teapot:actor/host@0.1.0'
import { getRandomBytes } from 'wasi:random/random@0.2.0'

/** UTF-8 (RFC 3629), without streams. */
class Utf8Encoder {
  readonly encoding = 'utf-8'

  encode(text = ''): Uint8Array {
    const out: number[] = []
    for (const letter of text) {
      let code = letter.codePointAt(0)!
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd
      if (code < 0x80) out.push(code)
      else if (code < 0x800) out.push(0xc0 | (code >> 6), 0x80 | (code & 63))
      else if (code < 0x10000) out.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
      else out.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
    }
    return Uint8Array.from(out)
  }
}

/** The same backwards; malformed bytes become U+FFFD, or throw where `fatal`. */
class Utf8Decoder {
  readonly encoding = 'utf-8'
  readonly fatal: boolean

  constructor(label = 'utf-8', { fatal = false } = {}) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`Expected utf-8, found ${label}`)
    this.fatal = fatal
  }

  decode(input: Uint8Array | ArrayBuffer = new Uint8Array(0)): string {
    const bytes = input instanceof Uint8Array ? input : new Uint8Array(input)
    const letters: string[] = []
    for (let at = 0; at < bytes.length; ) {
      const [code, length] = readLetter(bytes, at)
      if (code === undefined && this.fatal) throw new TypeError(`Expected UTF-8, found other bytes at ${at}`)
      letters.push(String.fromCodePoint(code ?? 0xfffd))
      at += length
    }
    return letters.join('')
  }
}

/** A code point and its length; undefined with the length of what is malformed. */
function readLetter(bytes: Uint8Array, at: number): [code: number | undefined, length: number] {
  const first = bytes[at]!
  if (first < 0x80) return [first, 1]
  const length =
    first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 1
  if (length === 1) return [undefined, 1]
  let code = first & (0x7f >> length)
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i] ?? 0
    if ((next & 0xc0) !== 0x80) return [undefined, i]
    code = (code << 6) | (next & 63)
  }
  const least = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x10000
  const valid = code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
  return [valid ? code : undefined, valid ? length : 1]
}

/** The engine seeded its own when the actor was built: every instance would draw the same. */
Math.random = () => {
  const [high, low] = new Uint32Array(getRandomBytes(8).slice().buffer)
  return ((high! >>> 5) * 2 ** 26 + (low! >>> 6)) / 2 ** 53
}

const write = (...values: unknown[]) =>
  log(values.map((value) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)))).join(' '))

Object.assign(globalThis, {
  TextEncoder: Utf8Encoder,
  TextDecoder: Utf8Decoder,
  console: { log: write, info: write, warn: write, error: write, debug: write },
  crypto: {
    getRandomValues<T extends ArrayBufferView>(into: T): T {
      new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(getRandomBytes(into.byteLength))
      return into
    },
  },
})
