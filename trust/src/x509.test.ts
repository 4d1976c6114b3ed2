import { describe, expect, it } from 'vitest'
import { der, EK_EXTENSIONS, extension, makeCertificate, makeKey } from '../vectors/certificates.ts'
import { swtpm } from '../vectors/swtpm.ts'
import { concatBytes, fromHex, parseCertificate, utf8 } from './index.ts'
import { promiseParser } from './parser.behavior.ts'

const malformed = expect.objectContaining({ code: 'x509/malformed' })
const key = await makeKey('P-256')
const plan = { subject: 'leaf', issuer: 'ca', key, signer: key }

describe('an X.509 certificate', () => {
  promiseParser(parseCertificate, { valid: swtpm.ekP384, codes: ['x509/malformed'] })

  it('of a TPM maker tells key, usage and validity', () => {
    const ek = parseCertificate(swtpm.ekP384)
    expect(ek.key).toMatchObject({ type: 'ec', curve: 'P-384' })
    expect(ek.isCa).toBe(false)
    expect([...ek.keyUsage!]).toEqual(['keyAgreement'])
    expect(ek.extendedKeyUsage).toEqual(['2.23.133.8.1'])
    expect(ek.hasSubjectAltName).toBe(true)
    expect(ek.notAfter).toBe(Date.UTC(9999, 11, 31, 23, 59, 59) / 1000)
    expect(parseCertificate(swtpm.ekRsa).key).toMatchObject({ type: 'rsa', exponent: Uint8Array.of(1, 0, 1) })
    expect(parseCertificate(swtpm.issuer).isCa).toBe(true)
  })
  it('with a path length tells it', async () => {
    expect(parseCertificate(await makeCertificate({ ...plan, ca: true, pathLength: 0 })).pathLength).toBe(0)
    expect(parseCertificate(await makeCertificate({ ...plan, ca: true })).pathLength).toBeUndefined()
  })
  it('may hold extensions that are not critical', async () => {
    const extensions = [extension('2a03', false, utf8('any'))]
    expect(parseCertificate(await makeCertificate({ ...plan, extensions })).isCa).toBe(false)
  })
  it.each([
    ['an unknown critical extension', { extensions: [extension('2a03', true, utf8('any'))] }],
    ['an extension twice', { extensions: [...EK_EXTENSIONS, EK_EXTENSIONS[0]!] }],
    ['trailing bytes in an extension', { extensions: [extension('551d25', false, concatBytes(der(0x30), utf8('x')))] }],
    ['an object identifier cut short', { extensions: [extension('5580', false, utf8('x'))] }],
    ['an object identifier out of form', { extensions: [extension('55801d', false, utf8('x'))] }],
    ['a time without seconds', { notBefore: '202001010000Z' }],
    ['a time without a zone', { notBefore: '20200101000000' }],
    ['a day that does not exist', { notBefore: '20200230000000Z' }],
    ['a negative path length', { ca: true, pathLength: 200 }],
    ['critical name constraints', { extensions: [extension('551d1e', true, utf8('x'))] }],
    ['key usage of three bytes', { keyUsage: '00010203' }],
    ['key usage with nine unused bits', { keyUsage: '0904' }],
    ['another algorithm inside than outside', { innerAlgorithm: der(0x30, fromHex('0x06082a8648ce3d040303')) }],
  ])('with %s is refused', async (_, change) => {
    const certificate = await makeCertificate({ ...plan, ...change })
    expect(() => parseCertificate(certificate)).toThrow(malformed)
  })
  it('whose signature algorithm we do not check is refused', async () => {
    const certificate = await makeCertificate(plan)
    const sha1 = replace(certificate, '2a8648ce3d040302', '2a8648ce3d040301')
    expect(() => parseCertificate(sha1)).toThrow(malformed)
  })
  it('in RSA-PSS is taken with SHA-384 throughout and 48 bytes of salt, and nothing else', async () => {
    const signer = await makeKey('RSA-PSS')
    const pss = await makeCertificate({
      ...plan,
      signer,
      serial: 9,
      extensions: [extension('2a03', false, utf8('any'))],
    })
    expect(parseCertificate(pss)).toMatchObject({ signature: { scheme: 'RSA-PSS', hash: 'SHA-384' } })
    expect(parseCertificate(pss).serial).toEqual(Uint8Array.of(9))
    expect(parseCertificate(pss).extensions.get('1.2.3')).toEqual(utf8('any'))
    expect(() => parseCertificate(replace(pss, 'a203020130', 'a203020120'))).toThrow(malformed)
    expect(() =>
      parseCertificate(replace(pss, '06096086480165030402020500a1', '06096086480165030402010500a1')),
    ).toThrow(malformed)
  })
  it('of version 1 is refused', async () => {
    expect(() => parseCertificateWith('a003020102', 'a003020100')).toThrow(malformed)
  })
  it('with a compressed point, another curve or another key type is refused', () => {
    expect(() => parseCertificateWith('03620004', '03620002')).toThrow(malformed)
    expect(() => parseCertificateWith('2b81040022', '2b81040023')).toThrow(malformed)
    expect(() => parseCertificateWith('2a8648ce3d0201', '2a8648ce3d0202')).toThrow(malformed)
  })
  it('with a length in a longer form than needed is refused', () => {
    expect(() => parseCertificate(concatBytes(fromHex('0x3084'), swtpm.ekP384))).toThrow(malformed)
    expect(() => parseCertificate(fromHex('0x308105020100'))).toThrow(malformed)
    expect(() => parseCertificate(fromHex('0x3080'))).toThrow(malformed)
  })
})

function parseCertificateWith(from: string, to: string) {
  return parseCertificate(replace(swtpm.ekP384, from, to))
}

function replace(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return fromHex(`0x${hex.replaceAll(from, to)}`)
}
