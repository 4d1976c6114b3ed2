import { decode, encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFirstMessagePack, decodeMessagePack, encodeMessagePack, type Packable } from './message-pack.ts'

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
      expect(bytes).toHaveLength(encode(written).length)
      expect(decode(Uint8Array.from(bytes))).toEqual(written)
      expect(plain(decodeMessagePack(encode(written)))).toEqual(written)
      expect(encodeMessagePack(plain(decodeMessagePack(bytes)) as Packable)).toEqual(bytes)
    }),
  )
})

test('Numbers of 64 bits keep all their bits', () => {
  for (const number of [2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n + 1n])
    expect(decodeMessagePack(encodeMessagePack(number))).toBe(number)
  for (const beyond of [2n ** 64n, -(2n ** 63n) - 1n]) expect(() => encodeMessagePack(beyond)).toThrow(RangeError)
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
  ['bytes whose length lies', [0xc6, 0xff, 0xff, 0xff, 0xff]],
  ['a text whose length lies', [0xdb, 0xff, 0xff, 0xff, 0xff]],
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

test('A million values in a megabyte are refused, but for whole numbers as bytes where they may be', () => {
  for (const [value, decode] of [
    [0xc0, decodeMessagePack],
    [0xc0, decodeFirstMessagePack],
    [0x01, decodeMessagePack],
  ] as const)
    expect(() => decode(million(value))).toThrow('65536')
  expect(decodeFirstMessagePack(million(0x01))).toHaveLength(1 << 20)
})
const million = (value: number) => {
  const bytes = new Uint8Array((1 << 20) + 5).fill(value)
  bytes.set([0xdd, 0x00, 0x10, 0x00, 0x00])
  return bytes
}

test('The first value is read, whatever follows it', () => {
  fc.assert(
    fc.property(value, fc.uint8Array({ maxLength: 9 }), (some, stray) => {
      const bytes = encodeMessagePack(some)
      expect(decodeFirstMessagePack(Uint8Array.of(...bytes, ...stray))).toEqual(decodeMessagePack(bytes))
    }),
  )
})

test.each([
  ...['c403010203', 'c50001ff', 'c600000001ff', 'ca3f800000', 'cb3ff0000000000000', 'ccff', 'cdffff', 'ceffffffff'],
  ...['cfffffffffffffffff', 'd0ff', 'd1ffff', 'd2ffffffff', 'd3ffffffffffffffff', 'd90161', 'da000161', 'db0000000161'],
  ...['dc0001c0', 'dd00000001c0', 'de0001a161c0', 'df00000001a161c0', 'c0', 'c2', 'c3', '7f', 'e0', 'a161', '91c0'],
  '81a161c0',
])('%s is read as by the library, and refused when it is cut off', (hex) => {
  const bytes = Buffer.from(hex, 'hex')
  const number = (read: unknown) => (typeof read === 'bigint' ? Number(read) : read)
  expect(number(plain(decodeFirstMessagePack(bytes)))).toEqual(
    number(decode(Uint8Array.from(bytes), { useBigInt64: true })),
  )
  for (let end = 0; end < bytes.length; end++)
    expect(() => decodeFirstMessagePack(bytes.subarray(0, end))).toThrow(TypeError)
})
