import { decode as cborgDecode, encode as cborgEncode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCborSequence } from './cbor.ts'
import { type CborValue, decodeCbor, encodeCbor, fromHex, toHex } from './index.ts'
import { promiseParser } from './parser.behavior.ts'

const malformed = expect.objectContaining({ code: 'cbor/malformed' })
const { value: values } = fc.letrec<{ value: CborValue; map: Map<number | string, CborValue> }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 30 }),
    tie('map'),
  ),
  map: fc
    .array(fc.tuple(fc.oneof(fc.maxSafeInteger(), fc.string({ unit: 'grapheme', maxLength: 40 })), tie('value')), {
      maxLength: 30,
    })
    .map((entries) => new Map(entries)),
}))

describe('CBOR', () => {
  const valid = encodeCbor({ a: [1, -1, 300, 70000, 2 ** 40], b: new Uint8Array(30), c: [true, false, null], '': 'ü' })
  promiseParser(decodeCbor, { valid, codes: ['cbor/malformed'] })

  it('of any value reads back as that value', () => {
    fc.assert(fc.property(values, (value) => void expect(decodeCbor(encodeCbor(value))).toEqual(value)))
  })
  it('of any value is what an independent encoder writes, and an independent decoder reads', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encodeCbor(value)
        expect(toHex(bytes)).toBe(toHex(cborgEncode(value, rfc8949EncodeOptions)))
        expect(cborgDecode(bytes, { useMaps: true, strict: true, rejectDuplicateMapKeys: true })).toEqual(value)
      }),
    )
  })
  it('that is read at all is written back as the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        let value: CborValue
        try {
          value = decodeCbor(bytes)
        } catch {
          return
        }
        expect(encodeCbor(value)).toEqual(bytes)
      }),
      { numRuns: 2000 },
    )
  })
  it('does not alias what it was read from', () => {
    const bytes = encodeCbor(Uint8Array.of(1, 2))
    const value = decodeCbor(bytes)
    bytes[1] = 9
    expect(value).toEqual(Uint8Array.of(1, 2))
  })
  it.each([
    ['an integer in a longer form', '1817'],
    ['a 16-bit integer in a longer form', '1900ff'],
    ['a 32-bit integer in a longer form', '1a0000ffff'],
    ['a 64-bit integer in a longer form', '1b00000000ffffffff'],
    ['an indefinite array', '9f00ff'],
    ['an indefinite byte string', '5f4100ff'],
    ['a reserved length', '1c'],
    ['a tag', 'c000'],
    ['a float', 'f93c00'],
    ['undefined', 'f7'],
    ['a break', 'ff'],
    ['a map with keys out of order', 'a202000100'],
    ['a map with a key twice', 'a201000100'],
    ['a map with a byte string for a key', 'a1410000'],
    ['a map with a boolean for a key', 'a1f500'],
    ['text that is no UTF-8', '61ff'],
    ['an array that promises too much', '9b7fffffffffffffff'],
    ['bytes that promise too much', '5b7fffffffffffffff'],
    ['nothing', ''],
  ])('refuses %s', (_, hex) => {
    expect(() => decodeCbor(fromHex(`0x${hex}`))).toThrow(malformed)
  })
  it('refuses what nests without end', () => {
    expect(() => decodeCbor(new Uint8Array(10_000).fill(0x81))).toThrow(malformed)
  })
  it('does not encode what it does not carry', () => {
    for (const value of [undefined, 1.5, Number.NaN, 2n ** 64n, -(2n ** 64n) - 1n, () => 0]) {
      expect(() => encodeCbor([value as never])).toThrow(TypeError)
    }
  })
})

describe('a CBOR sequence', () => {
  it('gives each item with its own bytes', () => {
    const items = decodeCborSequence(fromHex('0x01820203'))
    expect(items).toEqual([
      { value: 1, bytes: Uint8Array.of(1) },
      { value: [2, 3], bytes: Uint8Array.of(0x82, 2, 3) },
    ])
    expect(decodeCborSequence(new Uint8Array())).toEqual([])
  })
  it('whose last item is cut short is refused', () => {
    expect(() => decodeCborSequence(fromHex('0x018202'))).toThrow(malformed)
  })
})
