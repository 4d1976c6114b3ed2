import { decode, encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMessagePack, encodeMessagePack, type Packable } from './message-pack.ts'

const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }).map((number) => number + 0),
  fc.string({ unit: 'binary' }),
  fc.uint8Array(),
)
const { value } = fc.letrec<{ value: Packable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 8 },
    leaf,
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value')),
  ),
}))

/** Maps as objects, for comparison with the library. */
const plain = (read: unknown): unknown => {
  if (read instanceof Map) return Object.fromEntries([...read].map(([key, item]) => [key, plain(item)]))
  return Array.isArray(read) ? read.map(plain) : read
}

test('What is written, the library reads, and the other way round', () => {
  const safe = value.filter((one) => !JSON.stringify(one)?.includes('__proto__'))
  fc.assert(
    fc.property(safe, (written) => {
      const bytes = encodeMessagePack(written)
      expect(decode(Uint8Array.from(bytes))).toEqual(written)
      expect(plain(decodeMessagePack(encode(written)))).toEqual(written)
      expect(encodeMessagePack(plain(decodeMessagePack(bytes)) as Packable)).toEqual(bytes)
    }),
  )
})

test('Numbers of 64 bits keep all their bits', () => {
  for (const number of [2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n + 1n])
    expect(decodeMessagePack(encodeMessagePack(number))).toBe(number)
})

test('Bytes are read, or refused as a TypeError, and nothing else comes of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeMessagePack(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
      }
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  ['nothing', []],
  ['an end', [0xa5, 0x61]],
  ['a length that lies', [0xdd, 0xff, 0xff, 0xff, 0xff]],
  ['a map length that lies', [0xdf, 0x7f, 0xff, 0xff, 0xff, 0xa0]],
  ['bytes behind', [0xc0, 0xc0]],
  ['an extension', [0xd4, 0x00, 0x00]],
  ['0xc1', [0xc1]],
  ['a key that is no text', [0x81, 0x01, 0x02]],
  ['a key twice', [0x82, 0xa1, 0x61, 0x01, 0xa1, 0x61, 0x02]],
  ['a text that is not UTF-8', [0xa1, 0xff]],
])('MessagePack with %s is refused', (_, bytes) => {
  expect(() => decodeMessagePack(Uint8Array.from(bytes))).toThrow(TypeError)
})

test('Sixteen levels are read, and seventeen refused', () => {
  const nested = (levels: number) => Uint8Array.from([...Array<number>(levels - 1).fill(0x91), 0xc0])
  expect(() => decodeMessagePack(nested(16))).not.toThrow()
  expect(() => decodeMessagePack(nested(17))).toThrow('16 levels')
  expect(() => decodeMessagePack(nested(1 << 20))).toThrow('16 levels')
})

test('A million values in a megabyte are refused', () => {
  const bytes = new Uint8Array((1 << 20) + 5).fill(0xc0)
  bytes.set([0xdd, 0x00, 0x10, 0x00, 0x00])
  expect(() => decodeMessagePack(bytes)).toThrow('65536')
})
