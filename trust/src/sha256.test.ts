import { sha256 as noble } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256, toHex, utf8 } from './index.ts'
import { sha256 as plain } from './sha256.plain.ts'

describe.each([
  ['as this platform takes it', sha256],
  ['in plain JavaScript', plain],
])('SHA-256 %s', (_, hash) => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ])('gives the value of FIPS 180-4 for %j', (text, digest) => {
    expect(toHex(hash(utf8(text)))).toBe(`0x${digest}`)
  })
  it('gives what an independent implementation gives, at every length about a block', async () => {
    for (let length = 0; length <= 200; length++) {
      const data = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255)
      expect(hash(data)).toEqual(new Uint8Array(await crypto.subtle.digest('SHA-256', data)))
      expect(hash(data)).toEqual(noble(data))
    }
  })
  it('gives what an independent implementation gives, for any bytes anywhere in a buffer', () => {
    const bytes = fc.uint8Array({ maxLength: 3000, size: 'max' })
    fc.assert(
      fc.property(bytes, fc.nat(70), (data, from) => {
        expect(hash(data.subarray(from))).toEqual(noble(data.subarray(from)))
      }),
    )
  })
})
