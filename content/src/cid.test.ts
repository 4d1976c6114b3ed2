import { TeapotError } from '@teapot-network/trust'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { expect, test } from 'vitest'
import { blockKey, cidOfKey, cidOfRaw, isBlockKey, matchesCid, parseCid } from './cid.ts'

const code = (code: string) => expect.objectContaining({ name: 'TeapotError', code })

test('a CID that nobody here can verify is refused', () => {
  const digest = new Uint8Array(32)
  const sha512 = CID.createV1(0x55, create(0x13, new Uint8Array(64)))
  const short = CID.createV1(0x55, create(0x12, new Uint8Array(20)))
  const identity = CID.createV1(0x55, create(0, digest))
  const cbor = CID.createV1(0x71, create(0x12, digest))
  for (const cid of [sha512, short, identity, cbor]) {
    expect(() => parseCid(cid.toString())).toThrow(code('content/bad-cid'))
  }
})

test('any text is a CID or is refused with content/bad-cid', () => {
  const good = cidOfRaw(new Uint8Array(3)).toString()
  const near = fc.tuple(fc.nat(good.length), fc.string()).map(([at, text]) => good.slice(0, at) + text)
  fc.assert(
    fc.property(fc.oneof(fc.string(), near), (text) => {
      try {
        expect(parseCid(text).multihash.digest).toHaveLength(32)
      } catch (error) {
        expect(error).toBeInstanceOf(TeapotError)
        expect((error as TeapotError).code).toBe('content/bad-cid')
      }
    }),
  )
})

test('a block has one name on disk, whatever its CID, and the name leads back to its digest', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const cid = cidOfRaw(bytes)
      const key = blockKey(cid)
      expect(isBlockKey(key)).toBe(true)
      expect(cidOfKey(key).toString()).toBe(cid.toString())
      expect(blockKey(CID.createV0(create(0x12, cid.multihash.digest)))).toBe(key)
      expect(matchesCid(cid, bytes)).toBe(true)
      expect(matchesCid(cid, new Uint8Array([...bytes, 0]))).toBe(false)
    }),
  )
})

test('no other file name passes for a block', () => {
  const key = blockKey(cidOfRaw(new Uint8Array(3)))
  for (const name of ['', '..', 'x', key.slice(1), `${key}a`, `${key.slice(0, -1)}b`, key.toUpperCase()]) {
    expect(isBlockKey(name)).toBe(false)
  }
})
