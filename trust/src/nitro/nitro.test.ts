import { describe, expect, it } from 'vitest'
import { type CertificatePlan, makeCertificate, makeKey } from '../../vectors/certificates.ts'
import { failureOf } from '../appraise/altered.fixture.ts'
import { concatBytes, toHex } from '../bytes.ts'
import { type CborValue, encodeCbor } from '../cbor.ts'
import { digestOf } from '../digest.ts'
import { promiseParser } from '../parser.behavior.ts'
import { sigStructure } from '../proof/cose.ts'
import { nitroAppraiser } from './appraise.ts'
import { createNitroAppraiser, NITRO_SPAN, parseNitroDocument } from './index.ts'

/** A CA of our own in AWS's form. */
const [rootKey, caKey, leafKey] = [await makeKey('P-384'), await makeKey('P-384'), await makeKey('P-384')]
const made = Date.UTC(2025, 0) / 1000
const reportData = new Uint8Array(64).fill(7)
const rootPlan: CertificatePlan = { subject: 'root', issuer: 'root', key: rootKey, signer: rootKey, ca: true }
const caPlan: CertificatePlan = { ...rootPlan, subject: 'ca', key: caKey, pathLength: 0 }
const leafPlan = { subject: 'leaf', issuer: 'ca', key: leafKey, signer: caKey, notAfter: '20250101030000Z' }
const root = await makeCertificate(rootPlan)
const ca = await makeCertificate(caPlan)
const otherRoot = await makeCertificate({ ...rootPlan, serial: 2 })
const noCa = await makeCertificate({ ...caPlan, ca: false })
const otherIssuer = await makeCertificate({ ...leafPlan, signer: rootKey })
const otherKey = await makeCertificate({ ...leafPlan, key: caKey })
const ES384 = Uint8Array.of(0xa1, 0x01, 0x38, 0x22)
const pcr = (value: number) => new Uint8Array(48).fill(value)
const pcrs = (...values: number[]) => ({ pcrs: new Map(values.map((value, i) => [i, pcr(value)])) })
const release = { name: 'ours', pcr0: toHex(pcr(1)), pcr1: toHex(pcr(2)), pcr2: toHex(pcr(3)) }
const references = { v: 1, boots: [], tees: [{ kind: 'nitro', ...release }] } as const

type Change = Record<string, CborValue>
const fields: Change = {
  ...{ module_id: 'i-1-enc1', digest: 'SHA384', timestamp: made * 1000, ...pcrs(1, 2, 3, 0) },
  ...{ certificate: await makeCertificate(leafPlan), cabundle: [root, ca] },
  ...{ public_key: null, user_data: reportData, nonce: null },
}

/** A document in AWS's own order of keys. */
async function makeDocument(change: Change = {}, header: Uint8Array = ES384, unprotected = {}) {
  const pairs = Object.entries({ ...fields, ...change })
  const payload = concatBytes(Uint8Array.of(0xa0 + pairs.length), ...pairs.flat().map(encodeCbor))
  const signed = new Uint8Array(sigStructure(header, payload))
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, leafKey.privateKey, signed)
  return encodeCbor([header, unprotected, payload, new Uint8Array(signature)])
}

async function appraise(report: Uint8Array, at = made, collateral = new Uint8Array(), trusted = digestOf(root)) {
  const by = trusted === digestOf(root) ? nitroAppraiser(references, trusted) : createNitroAppraiser(references)
  const { enclave, reason } = await by.appraise({ kind: 'nitro', report, collateral }, reportData, at)
  const failed = failureOf([reason])
  expect(enclave).toBe(failed === undefined)
  return failed?.id
}

const valid = await makeDocument()

describe('a Nitro attestation document', () => {
  promiseParser(parseNitroDocument, { valid, codes: ['nitro/malformed', 'cbor/malformed'] })

  it('with another algorithm, an unprotected header, a field twice, or collateral is refused', async () => {
    expect(await appraise(await makeDocument({}, Uint8Array.of(0xa1, 0x01, 0x26)))).toBe('tee/report')
    expect(await appraise(await makeDocument({}, ES384, { x: 1 }))).toBe('tee/report')
    expect(await appraise(valid, made, new Uint8Array(1))).toBe('tee/report')
    const text = String.fromCharCode(...valid).replace('module_id', 'user_data')
    expect(await appraise(Uint8Array.from(text, (character) => character.charCodeAt(0)))).toBe('tee/report')
  })
})

describe("Nitro appraisal, with our own CA in place of AWS's,", () => {
  it('takes a document of a named release, as long as it speaks', async () => {
    for (const at of [made - 300, made, made + NITRO_SPAN]) expect(await appraise(valid, at)).toBeUndefined()
    for (const at of [made - 301, made + NITRO_SPAN + 1]) expect(await appraise(valid, at)).toBe('tee/time')
  })
  it.each<[string, string, Change]>([
    ['another digest', 'tee/report', { digest: 'SHA256' }],
    ['a field more', 'tee/report', { more: null }],
    ['a short PCR', 'tee/report', { pcrs: new Map([[0, new Uint8Array(32)]]) }],
    ['a PCR out of range', 'tee/report', { pcrs: new Map([[32, pcr(1)]]) }],
    ['no issuers', 'tee/report', { cabundle: [] }],
    ['nine issuers', 'tee/report', { cabundle: Array(9).fill(ca) }],
    ['a time that no calendar has', 'tee/report', { timestamp: Number.MAX_SAFE_INTEGER }],
    ['a text as user data', 'tee/report', { user_data: 'x' }],
    ['a number as nonce', 'tee/report', { nonce: 1 }],
    ['a root of the same name and key', 'tee/chain', { cabundle: [otherRoot, ca] }],
    ['a bundle without the root', 'tee/chain', { cabundle: [ca] }],
    ['an issuer that is no CA', 'tee/chain', { cabundle: [root, noCa] }],
    ['a longer path than allowed', 'tee/chain', { cabundle: [root, ca, ca] }],
    ['a leaf of another issuer', 'tee/chain', { certificate: otherIssuer }],
    ['a leaf with another key', 'tee/signature', { certificate: otherKey }],
    ['a certificate that is none', 'tee/chain', { certificate: pcr(0) }],
    ['a time after its leaf ended', 'tee/chain', { timestamp: (made + NITRO_SPAN + 1) * 1000 }],
    ['a time before its chain began', 'tee/chain', { timestamp: 0 }],
    ['other user data', 'tee/report-data', { user_data: pcr(7) }],
    ['no user data', 'tee/report-data', { user_data: null }],
    ['a debugged enclave', 'tee/debug', pcrs(0, 0, 0)],
    ['a missing PCR', 'tee/debug', pcrs(1, 2)],
    ['another PCR0', 'tee/measurement', pcrs(9, 2, 3)],
    ['another PCR1', 'tee/measurement', pcrs(1, 9, 3)],
    ['another PCR2', 'tee/measurement', pcrs(1, 2, 9)],
  ])('refuses %s: %s', async (_, id, change) => {
    expect(await appraise(await makeDocument(change))).toBe(id)
  })
  it("refuses what only our CA stands behind when the root is AWS's", async () => {
    expect(await appraise(valid, made, new Uint8Array(), '0x')).toBe('tee/chain')
  })
})
