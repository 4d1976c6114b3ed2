import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { digestOf, fromHex, parseCertificate, parsePolicy, policyDigest } from '../src/index.ts'
import { swtpm } from '../vectors/swtpm.ts'
import { readVendorRoots, vendorPolicy } from './policy.ts'

const roots = readVendorRoots()
const rest = { pcrs: [12, 13], freshSeconds: 60 }
const derOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))

describe('the roots of TPM makers', () => {
  it.each(roots)('$vendor, $name: a CA that signed itself, with this digest, and a source', async (root) => {
    const der = derOf(root.der)
    const certificate = parseCertificate(der)
    expect(digestOf(der)).toBe(`0x${root.sha256}`)
    expect(certificate).toMatchObject({ isCa: true, subject: certificate.issuer })
    expect(certificate.keyUsage?.has('keyCertSign')).toBe(true)
    const theirs = new X509Certificate(der)
    expect(theirs.verify(theirs.publicKey)).toBe(true)
    expect(certificate.notAfter).toBeGreaterThan(Date.UTC(2030) / 1000)
    expect(new URL(root.source).protocol).toMatch(/^https?:$/)
    expect(root.foundIn.length).toBeGreaterThanOrEqual(root.vendor === 'Google Cloud' ? 1 : 2)
  })
  it('stand there once each, and none is of a software TPM', () => {
    expect(new Set(roots.map(({ sha256 }) => sha256)).size).toBe(roots.length)
    expect(roots.map(({ sha256 }) => `0x${sha256}`)).not.toContain(digestOf(swtpm.root))
    expect(roots.some(({ der }) => Buffer.from(der, 'base64').includes('swtpm'))).toBe(false)
  })
})

describe('a production policy', () => {
  it('takes real TPMs of the makers named, and no others', () => {
    const policy = vendorPolicy(['Infineon', 'AMD'], rest)
    expect(policy.types).toEqual(['tpm'])
    const taken = roots.filter(({ vendor }) => ['Infineon', 'AMD'].includes(vendor)).map(({ sha256 }) => `0x${sha256}`)
    expect(policy.ekRoots.map(([type, der]) => [type, digestOf(der)]).sort()).toEqual(
      taken.map((digest) => ['tpm', digest]).sort(),
    )
    expect(policyDigest(vendorPolicy(['AMD', 'Infineon'], rest))).toBe(policyDigest(policy))
  })
  it('is printed for makers, and keys that are revoked', () => {
    const revoked = ['0x22', '0x11'].map((digest) => digest.padEnd(66, '0'))
    const args = [fileURLToPath(new URL('policy.ts', import.meta.url)), '3600', 'AMD', ...revoked]
    const { digest, policy } = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
    const printed = parsePolicy(fromHex(policy))
    expect(printed).toMatchObject({ freshSeconds: 3600, revoked: revoked.toReversed() })
    expect(policyDigest(printed)).toBe(digest)
  })
  it.each([[[]], [['Infineon', 'IBM']], [['*']]])('of %j is none', (makers) => {
    expect(() => vendorPolicy(makers, rest)).toThrow(RangeError)
  })
})
