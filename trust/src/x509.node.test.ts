import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { EK_EXTENSIONS, makeCertificate, makeKey } from '../vectors/certificates.ts'
import { swtpm } from '../vectors/swtpm.ts'
import { parseCertificate } from './index.ts'

describe('our reading of certificates', () => {
  it("agrees with OpenSSL's on a TPM maker's", () => {
    for (const der of [swtpm.root, swtpm.issuer, swtpm.ekP384, swtpm.ekRsa]) {
      const [ours, theirs] = [parseCertificate(der), new X509Certificate(der)]
      expect(ours.isCa).toBe(theirs.ca)
      expect(new Date(ours.notBefore * 1000)).toEqual(new Date(theirs.validFrom))
      expect(new Date(ours.notAfter * 1000)).toEqual(new Date(theirs.validTo))
      expect(ours.key.spki).toEqual(new Uint8Array(theirs.publicKey.export({ type: 'spki', format: 'der' })))
      expect(ours.extendedKeyUsage).toEqual(theirs.keyUsage ?? [])
    }
  })
  it('holds for the test certificates: OpenSSL reads and verifies them', async () => {
    for (const kind of ['P-256', 'P-384', 'SHA-256', 'SHA-384', 'RSA-PSS'] as const) {
      const key = await makeKey(kind)
      const der = await makeCertificate({
        subject: 'a',
        issuer: 'a',
        key,
        signer: key,
        ca: true,
        extensions: EK_EXTENSIONS,
      })
      const certificate = new X509Certificate(der)
      expect(certificate.verify(certificate.publicKey)).toBe(true)
      expect(certificate.ca).toBe(true)
    }
  })
})
