import { describe, expect, it } from 'vitest'
import { swtpm } from '../../vectors/swtpm.ts'
import {
  akProblem,
  akPublic,
  concatBytes,
  digestOf,
  nodeIdOf,
  parseAttest,
  parseEvidence,
  parseTpmPublic,
  parseTpmSignature,
  toHex,
  tpmName,
  verifyTpmSignature,
} from '../index.ts'
import { promiseParser } from '../parser.behavior.ts'
import { TPMA } from './public.ts'

const evidence = parseEvidence(swtpm.evidence)
const { attest, signature } = evidence.quote
const ak = parseTpmPublic(evidence.ak)
const malformed = expect.objectContaining({ code: 'tpm/malformed' })

describe('TPMT_PUBLIC', () => {
  promiseParser(parseTpmPublic, { valid: evidence.ak, codes: ['tpm/malformed'] })

  it('of an RSA key is read', () => {
    const rsa = parseTpmPublic(swtpm.publics.rsa)
    expect(rsa.key).toMatchObject({ type: 'rsa', bits: 2048, exponent: 65537 })
  })
  it('of a storage key and of a P-384 key are read', () => {
    expect(parseTpmPublic(swtpm.publics.storage).attributes & TPMA.decrypt).toBe(TPMA.decrypt)
    expect(parseTpmPublic(swtpm.publics.p384).key).toMatchObject({ type: 'ecc', curve: 'P-384' })
  })
  it('with coordinates stripped of leading zeros is the same key', () => {
    const head = swtpmHead(evidence.ak)
    const stripped = concatBytes(head, Uint8Array.of(0, 1, 5, 0, 1, 6))
    expect(parseTpmPublic(stripped).key).toMatchObject({ x: leadingZeros(5), y: leadingZeros(6) })
  })
  it('with a coordinate that is too long is refused', () => {
    const long = concatBytes(swtpmHead(evidence.ak), Uint8Array.of(0, 33), new Uint8Array(33), Uint8Array.of(0, 0))
    expect(() => parseTpmPublic(long)).toThrow(malformed)
  })
  it.each([
    ['another key type', 1, 0x08],
    ['another scheme', 13, 0x30],
    ['another curve', 17, 0x09],
    ['another symmetric cipher', 11, 0x26],
  ])('with %s is refused', (_, at, value) => {
    const bytes = evidence.ak.slice()
    bytes[at] = value
    expect(() => parseTpmPublic(bytes)).toThrow(malformed)
  })
  it('with a modulus of another size than it says is refused', () => {
    const bytes = swtpm.publics.rsa.slice()
    bytes[16] = 0x04
    expect(() => parseTpmPublic(bytes)).toThrow(malformed)
  })
})

describe('the AK', () => {
  it('has a node id that follows from its point alone', () => {
    if (ak.key.type !== 'ecc') throw new TypeError('an ECC key')
    expect(akPublic(ak.key.x, ak.key.y)).toEqual(evidence.ak)
    expect(nodeIdOf(evidence.ak)).toBe(evidence.node)
    expect(digestOf(tpmName(evidence.ak))).toBe(evidence.node)
    expect(akProblem(ak)).toBeUndefined()
  })
  it.each(Object.entries(swtpm.publics))('is refused when it is %s', (_, bytes) => {
    expect(akProblem(parseTpmPublic(bytes))).toBeDefined()
  })
  it.each([
    ['a policy', { authPolicy: new Uint8Array(32) }],
    ['another name algorithm', { nameAlg: 0x000c }],
    ['SHA-384 in its scheme', { schemeHash: 0x000c }],
    ['a symmetric cipher', { symmetric: 0x0006 }],
    ['adminWithPolicy', { attributes: ak.attributes | TPMA.adminWithPolicy }],
    ['decrypt', { attributes: ak.attributes | TPMA.decrypt }],
    ['no fixedTPM', { attributes: ak.attributes & ~TPMA.fixedTpm }],
    ['no fixedParent', { attributes: ak.attributes & ~TPMA.fixedParent }],
  ])('is refused with %s', (_, change) => {
    expect(akProblem({ ...ak, ...change })).toBeDefined()
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
    expect(read.attested).toMatchObject({ type: 'quote', selection: [{ hash: 0x0b, pcrs: [12, 13] }] })
    expect(read.resetCount).toBeGreaterThan(0)
    expect(read.safe).toBeTypeOf('boolean')
  })
  it('of certify and NV certify are read', () => {
    expect(parseAttest(swtpm.quotes.certify.attest).attested).toMatchObject({
      type: 'certify',
      name: tpmName(evidence.ak),
    })
    expect(parseAttest(swtpm.quotes.nv.attest).attested).toMatchObject({ type: 'nv', offset: 0 })
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

describe('TPMT_SIGNATURE', () => {
  promiseParser(parseTpmSignature, { valid: signature, codes: ['tpm/malformed'] })

  const quotes = {
    'P-256': { key: evidence.ak, ...evidence.quote },
    'P-384': { key: swtpm.publics.p384, ...swtpm.quotes.p384 },
    'RSA-2048': { key: swtpm.publics.rsa, ...swtpm.quotes.rsa },
  }
  it.each(Object.entries(quotes))(
    'by a %s key of a real TPM verifies, and over other bytes does not',
    async (_, quote) => {
      const key = parseTpmPublic(quote.key)
      const signed = parseTpmSignature(quote.signature)
      expect(await verifyTpmSignature(key, quote.attest, signed)).toBe(true)
      const altered = quote.attest.slice()
      altered[20]! ^= 1
      expect(await verifyTpmSignature(key, altered, signed)).toBe(false)
    },
  )
  it('of another scheme, hash or key does not verify', async () => {
    const signed = parseTpmSignature(signature)
    if (signed.scheme !== 'ecdsa') throw new TypeError('an ECDSA signature')
    const rsa = parseTpmPublic(swtpm.publics.rsa)
    expect(await verifyTpmSignature(rsa, attest, signed)).toBe(false)
    expect(await verifyTpmSignature(ak, attest, { ...signed, hash: 0x000c })).toBe(false)
    expect(await verifyTpmSignature(ak, attest, { ...signed, hash: 0x0004 })).toBe(false)
    expect(await verifyTpmSignature(ak, attest, { ...signed, r: new Uint8Array(33) })).toBe(false)
    const pss = { ...parseTpmSignature(swtpm.quotes.rsa.signature), scheme: 'rsapss' } as const
    expect(await verifyTpmSignature(rsa, swtpm.quotes.rsa.attest, pss as never)).toBe(false)
  })
  it('by a point that is not on the curve does not verify', async () => {
    const off = parseTpmPublic(akPublic(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)))
    expect(await verifyTpmSignature(off, attest, parseTpmSignature(signature))).toBe(false)
  })
  it('of an unknown scheme is refused', () => {
    const bytes = signature.slice()
    bytes[1] = 0x19
    expect(() => parseTpmSignature(bytes)).toThrow(malformed)
  })
})

function swtpmHead(publicArea: Uint8Array): Uint8Array {
  expect(toHex(publicArea.subarray(20, 22))).toBe('0x0020')
  return publicArea.subarray(0, 20)
}

function leadingZeros(last: number): Uint8Array {
  const bytes = new Uint8Array(32)
  bytes[31] = last
  return bytes
}
