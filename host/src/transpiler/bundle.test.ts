import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeBundle, parseBundle } from './bundle.ts'

const PARTS = fc
  .uniqueArray(fc.tuple(fc.string({ maxLength: 20 }), fc.uint8Array({ maxLength: 40 })), { selector: ([name]) => name })
  .map((parts) => new Map(parts))

const plain = (parts: ReadonlyMap<string, Uint8Array>) =>
  [...parts].map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')])

test('A bundle reads as it was written, in its order', () => {
  fc.assert(
    fc.property(PARTS, (parts) => {
      expect(plain(parseBundle(encodeBundle(parts)))).toEqual(plain(parts))
    }),
  )
})

test('A bundle that was cut, or with more behind it, is no bundle', () => {
  fc.assert(
    fc.property(PARTS, fc.nat(), (parts, cut) => {
      const bundle = encodeBundle(parts)
      expect(() => parseBundle(bundle.subarray(0, cut % bundle.length))).toThrow(/^Expected a component bundle/)
      expect(() => parseBundle(Buffer.concat([bundle, Buffer.alloc(1)]))).toThrow('found 1 bytes')
    }),
  )
})

test('Whatever the bytes, they are a bundle or refused as none', () => {
  const head = Uint8Array.of(0x74, 0x70, 0x63, 0x01)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      for (const bytes of [noise, Buffer.concat([head, noise])]) {
        try {
          expect(plain(parseBundle(encodeBundle(parseBundle(bytes))))).toEqual(plain(parseBundle(bytes)))
        } catch (error) {
          expect(error).toMatchObject({ name: 'GuestFault', failure: 'bad-module' })
        }
      }
    }),
  )
})

test('A name that comes twice, and one that is no UTF-8, are refused', () => {
  const one = Buffer.from(encodeBundle(new Map([['a', Uint8Array.of(1)]])))
  const twice = Buffer.concat([one, one.subarray(8)])
  twice.writeUInt32LE(2, 4)
  expect(() => parseBundle(twice)).toThrow('another a')
  one[12] = 0xff
  expect(() => parseBundle(one)).toThrow('a name that is not')
})
