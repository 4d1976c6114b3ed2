import { describe, expect, it } from 'vitest'
import { type CrlPlan, der, extension, makeCertificate, makeCrl, makeKey } from '../vectors/certificates.ts'
import { crlProblem, isRevoked, parseCrl } from './crl.ts'
import { fromHex, parseCertificate, toHex, utf8 } from './index.ts'
import { promiseParser } from './parser.behavior.ts'

const [key, other] = [await makeKey('P-256'), await makeKey('P-384')]
const listPlan: CrlPlan = { issuer: 'ca', signer: key, revoked: [7, 9], nextUpdate: '20300101000000Z' }
const issuerPlan = { subject: 'ca', issuer: 'ca', key, signer: key, ca: true, keyUsage: '0106' }
const valid = await makeCrl(listPlan)
const issuer = parseCertificate(await makeCertificate(issuerPlan))

describe('a list of revoked certificates', () => {
  promiseParser(parseCrl, { valid, codes: ['x509/malformed'] })

  it('names serial numbers, and when it holds', async () => {
    const list = parseCrl(valid)
    for (const serial of [7, 8, 9]) {
      const certificate = parseCertificate(await makeCertificate({ ...issuerPlan, serial }))
      expect(isRevoked(list, certificate)).toBe(serial !== 8)
    }
    expect(list).toMatchObject({ notBefore: Date.UTC(2020, 0) / 1000, notAfter: Date.UTC(2030, 0) / 1000 })
    expect(parseCrl(await makeCrl({ ...listPlan, revoked: [] })).revoked.size).toBe(0)
  })
  it('counts when its issuer signed it, and nobody else', async () => {
    expect(await crlProblem(parseCrl(valid), issuer)).toBeUndefined()
    for (const change of [{ issuer: 'other' }, { signer: other }]) {
      expect(await crlProblem(parseCrl(await makeCrl({ ...listPlan, ...change })), issuer)).toBeDefined()
    }
    const mayNot = parseCertificate(await makeCertificate({ ...issuerPlan, keyUsage: '0204' }))
    expect(await crlProblem(parseCrl(valid), mayNot)).toMatchObject({ found: 'no' })
    const altered = fromHex(toHex(valid).replace('020109', '020108'))
    expect(await crlProblem(parseCrl(altered), issuer)).toMatchObject({ found: 'one that does not verify' })
  })

  const algorithm = der(0x30, fromHex('0x06082a8648ce3d040302'))
  const time = der(0x18, utf8('20300101000000Z'))
  const number = (critical: boolean) => der(0x30, extension('551d14', critical, der(0x02, Uint8Array.of(1))))
  const entry = (critical: boolean) => der(0x30, der(0x30, der(0x02, Uint8Array.of(7)), time, number(critical)))
  const parts = [der(0x02, Uint8Array.of(1)), algorithm, der(0x30), time, time, entry(false), der(0xa0, number(false))]
  it.each<[string, number, Uint8Array]>([
    ['of version 1', 0, der(0x02, Uint8Array.of(0))],
    ['with another algorithm inside than outside', 1, der(0x30, fromHex('0x06082a8648ce3d040303'))],
    ['without a time of the next', 4, new Uint8Array()],
    ['with a critical word on an entry, as when it is of another issuer', 5, entry(true)],
    ['with a critical word, as when it is a part or a change', 6, der(0xa0, number(true))],
    ['without extensions', 6, new Uint8Array()],
  ])('%s is refused', (_, at, part) => {
    const list = (changed: Uint8Array[]) => der(0x30, der(0x30, ...changed), algorithm, der(0x03, Uint8Array.of(0, 1)))
    expect(parseCrl(list(parts)).revoked).toEqual(new Set(['0x07']))
    expect(() => parseCrl(list(parts.with(at, part)))).toThrow(expect.objectContaining({ code: 'x509/malformed' }))
  })
})
