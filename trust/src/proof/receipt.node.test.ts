import { webcrypto } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { Sign1 } from '@auth0/cose'
import { Decoder } from 'cbor-x'
import * as cborg from 'cborg'
import { describe, expect, it } from 'vitest'
import { encodeCheckpoint } from '../encode.ts'
import { decodeCbor, fromHex, leafInput, parseReceipt, receiptCheckpoint } from '../index.ts'
import { makeSampleProof } from './sample-proof.fixture.ts'

/** Its types leave `int64AsNumber` out. */
const options: object = { mapsAsObjects: false, tagUint8Array: false, int64AsNumber: true }
const decoder = new Decoder(options)

describe('to libraries that are not ours', () => {
  it('a receipt is a COSE_Sign1 whose signature holds over the root as detached payload', async () => {
    const { bundle, evidence } = await makeSampleProof()
    const { root } = receiptCheckpoint(parseReceipt(bundle.receipt), leafInput(bundle.salt, bundle.claims))
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
    const point = fromHex(evidence.keys.receipt)
    const key = (await webcrypto.subtle.importKey('raw', new Uint8Array(point), algorithm, true, ['verify'])) as never
    const sign1 = Sign1.decode(bundle.receipt)
    await sign1.verify(key, { detachedPayload: fromHex(root) })
    await expect(sign1.verify(key, { detachedPayload: new Uint8Array(32) })).rejects.toThrow()
  })
  it('a published checkpoint holds as it is', async () => {
    const { bundle, evidence } = await makeSampleProof()
    const checkpoint = receiptCheckpoint(parseReceipt(bundle.receipt), leafInput(bundle.salt, bundle.claims))
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
    const point = fromHex(evidence.keys.receipt)
    const key = (await webcrypto.subtle.importKey('raw', new Uint8Array(point), algorithm, true, ['verify'])) as never
    await Sign1.decode(encodeCheckpoint(checkpoint)).verify(key)
  })
  it('the receipt has the labels and the proof of RFC 9942, and the claims are a map of a CWT', async () => {
    const { bundle, claims } = await makeSampleProof()
    const untagged = bundle.receipt.subarray(1)
    const sign1 = decoder.decode(untagged) as [Uint8Array, Map<number, Map<number, Uint8Array[]>>]
    const protectedHeader = decoder.decode(sign1[0]) as Map<number, unknown>
    expect(protectedHeader.get(1)).toBe(-7)
    expect(protectedHeader.get(395)).toBe(1)
    const [size, index, path] = decoder.decode(sign1[1].get(396)!.get(-1)![0]!) as [number, number, Uint8Array[]]
    expect([size, index, path.length]).toEqual([11, 5, 4])
    const cwt = decoder.decode(bundle.claims) as Map<number, unknown>
    expect(cwt.get(1)).toBe(claims.node)
    expect(cwt.get(6)).toBe(claims.issuedAt)
  })
  it('every vector of spec/vectors that can be read is the same CBOR to two of them, in deterministic form', () => {
    const folder = new URL('../../../spec/vectors/', import.meta.url)
    const files = readdirSync(folder).filter((name) => name.endsWith('.proof'))
    const strict = { useMaps: true, rejectDuplicateMapKeys: true, strict: true }
    for (const file of files) {
      const bytes = new Uint8Array(readFileSync(new URL(file, folder)))
      let read: unknown
      try {
        read = decodeCbor(bytes)
      } catch {
        continue
      }
      expect(cborg.decode(bytes, strict), file).toEqual(read)
      expect(decoder.decode(bytes.slice()), file).toEqual(read)
      expect(cborg.encode(read), file).toEqual(bytes)
    }
  })
})
