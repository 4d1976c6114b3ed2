import { TeapotError } from './teapot-error.ts'

/** One DER value (X.690 §10): its tag, its content, and the whole of it. */
export interface DerValue {
  tag: number
  content: Uint8Array
  whole: Uint8Array
}

/** The DER tags that a certificate holds. */
export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Reads values one after the other. Throws TeapotError `x509/malformed`. */
export interface DerReader {
  readonly done: boolean
  /** The next value if it has this tag. */
  optional(tag: number): DerValue | undefined
  /** The next value, which must have this tag. */
  expect(tag: number): DerValue
  /** Reads the values of the next one, which must be a SEQUENCE. */
  sequence(): DerReader
  /** Refuses trailing values. */
  end(): void
}

/** @throws TeapotError `x509/malformed`, always */
export function refuseDer(expected: string, found: string): never {
  throw new TeapotError('x509/malformed', `Cannot read certificate: expected ${expected}, found ${found}`)
}

/** Reads the values that stand in `bytes`: definite shortest lengths and single-byte tags only. */
export function readDer(bytes: Uint8Array): DerReader {
  let at = 0
  const next = (): DerValue => {
    const start = at
    const tag = bytes[at]
    if (tag === undefined || (tag & 31) === 31) return refuseDer('a DER tag', tag === undefined ? 'the end' : `${tag}`)
    const { length, from } = readLength(bytes, at + 1)
    if (from + length > bytes.length) refuseDer(`${length} bytes`, `${bytes.length - from}`)
    at = from + length
    return { tag, content: bytes.subarray(from, at), whole: bytes.subarray(start, at) }
  }
  const reader: DerReader = {
    get done() {
      return at >= bytes.length
    },
    optional: (tag) => (bytes[at] === tag ? next() : undefined),
    expect: (tag) => {
      const value = next()
      return value.tag === tag ? value : refuseDer(`tag 0x${tag.toString(16)}`, `0x${value.tag.toString(16)}`)
    },
    sequence: () => readDer(reader.expect(DER.sequence).content),
    end: () => {
      if (at < bytes.length) refuseDer('nothing more', `${bytes.length - at} trailing bytes`)
    },
  }
  return reader
}

/** Reads the values of the one SEQUENCE that these bytes are. */
export function soleSequence(bytes: Uint8Array): DerReader {
  const outer = readDer(bytes)
  const inner = outer.sequence()
  outer.end()
  return inner
}

/** The content of a BIT STRING of whole bytes. */
export function wholeBits(value: DerValue): Uint8Array {
  if (value.content[0] !== 0) refuseDer('a bit string of whole bytes', 'unused bits')
  return value.content.subarray(1)
}

/** The magnitude of an INTEGER above zero. */
export function positiveInteger(value: DerValue): Uint8Array {
  const [first, second] = value.content
  if (first === undefined || first >= 0x80 || (first === 0 && (second === undefined || second < 0x80))) {
    return refuseDer('a positive integer in shortest form', 'another')
  }
  return first === 0 ? value.content.subarray(1) : value.content
}

/** A BOOLEAN, which in DER is 0x00 or 0xff. */
export function derBoolean(value: DerValue): boolean {
  const [byte] = value.content
  if (value.content.length !== 1 || (byte !== 0 && byte !== 0xff)) refuseDer('a boolean', 'another')
  return byte === 0xff
}

/** An OBJECT IDENTIFIER in dotted form. */
export function derOid(value: DerValue): string {
  const bytes = value.content
  if (bytes.length === 0 || bytes.at(-1)! >= 0x80) refuseDer('an object identifier', 'one cut short')
  const arcs: number[] = []
  let arc = 0
  for (const byte of bytes) {
    if ((arc === 0 && byte === 0x80) || arc > 2 ** 40) refuseDer('an object identifier', 'one out of form')
    arc = arc * 128 + (byte & 127)
    if (byte < 0x80) {
      arcs.push(arc)
      arc = 0
    }
  }
  const first = Math.min(2, Math.floor(arcs[0]! / 40))
  return [first, arcs[0]! - first * 40, ...arcs.slice(1)].join('.')
}

/** A UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5, as seconds since 1970. */
export function derTime({ tag, content }: DerValue): number {
  const text = String.fromCharCode(...content.subarray(0, 20))
  const full = tag === DER.generalizedTime ? text : (text < '50' ? '20' : '19') + text
  const iso = full.replace(/^(?!00)(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z')
  if (iso === full) refuseDer('a time that ends in Z', `'${text}'`)
  const date = new Date(iso)
  if (date.toJSON() !== iso) refuseDer('a day and an hour that exist', `'${text}'`)
  return date.getTime() / 1000
}

function readLength(bytes: Uint8Array, at: number): { length: number; from: number } {
  const first = bytes[at]
  if (first === undefined) return refuseDer('a DER length', 'the end')
  if (first < 0x80) return { length: first, from: at + 1 }
  const size = first & 127
  if (size === 0 || size > 3 || at + size >= bytes.length) return refuseDer('a definite length below 2^24', 'another')
  let length = 0
  for (let i = 1; i <= size; i++) length = length * 256 + bytes[at + i]!
  if (length < (size === 1 ? 0x80 : 256 ** (size - 1))) refuseDer('the shortest form of a length', 'a longer one')
  return { length, from: at + 1 + size }
}
