import { describe, expect, it } from 'vitest'
import { swtpm } from '../../vectors/swtpm.ts'
import {
  akPoint,
  akPublic,
  concatBytes,
  digestOf,
  nodeIdOf,
  parseAkSignature,
  parseAttest,
  parseEvidence,
  tpmName,
  verifyEs256,
} from '../index.ts'
import { promiseParser } from '../parser.behavior.ts'

const evidence = parseEvidence(swtpm.evidence)
const { attest, signature } = evidence.quote
const point = akPoint(evidence.ak)!
const malformed = expect.objectContaining({ code: 'tpm/malformed' })

describe('the AK', () => {
  it('has a node id that follows from its point alone', () => {
    expect(akPublic(point.subarray(1, 33), point.subarray(33))).toEqual(evidence.ak)
    expect(nodeIdOf(evidence.ak)).toBe(evidence.node)
    expect(digestOf(tpmName(evidence.ak))).toBe(evidence.node)
  })
  it.each(Object.entries(swtpm.publics))('is refused when it is %s', (_, bytes) => {
    expect(akPoint(bytes)).toBeUndefined()
  })
  it('is refused with any other byte in its template, cut short or padded', () => {
    for (let at = 0; at < evidence.ak.length; at++) {
      const coordinate = (at >= 22 && at < 54) || at >= 56
      const bytes = evidence.ak.slice()
      bytes[at]! ^= 1
      expect(akPoint(bytes) === undefined, `byte ${at}`).toBe(!coordinate)
      expect(akPoint(evidence.ak.subarray(0, at))).toBeUndefined()
    }
    expect(akPoint(concatBytes(evidence.ak, Uint8Array.of(0)))).toBeUndefined()
  })
  it('has no node id under another name algorithm', () => {
    const sha384 = evidence.ak.slice()
    sha384[3] = 0x0c
    expect(() => nodeIdOf(sha384)).toThrow(malformed)
  })
})

describe('TPMS_ATTEST', () => {
  promiseParser(parseAttest, { valid: attest, codes: ['tpm/malformed'] })

  it('of a quote tells selection, PCR digest and reset count', () => {
    const read = parseAttest(attest)
    expect(read.selection).toEqual([{ hash: 0x0b, pcrs: [12, 13] }])
    expect(read.resetCount).toBeGreaterThan(0)
    expect(read.safe).toBeTypeOf('boolean')
  })
  it.each([
    ['another magic', 0, 0x00],
    ['another type', 5, 0x1a],
  ])('with %s is refused', (_, at, value) => {
    const bytes = attest.slice()
    bytes[at] = value
    expect(() => parseAttest(bytes)).toThrow(malformed)
  })
})

describe('the signature of an AK', () => {
  promiseParser(parseAkSignature, { valid: signature, codes: ['tpm/malformed'] })

  it('verifies over what it signed alone', async () => {
    const signed = parseAkSignature(signature)
    expect(await verifyEs256(point, attest, signed)).toBe(true)
    expect(await verifyEs256(point, attest.subarray(1), signed)).toBe(false)
    expect(await verifyEs256(Uint8Array.of(4, ...new Uint8Array(64).fill(1)), attest, signed)).toBe(false)
  })
  it('is refused with another scheme or hash', () => {
    for (const other of [swtpm.quotes.rsa, swtpm.quotes.p384]) {
      expect(() => parseAkSignature(other.signature)).toThrow(malformed)
    }
  })
})
