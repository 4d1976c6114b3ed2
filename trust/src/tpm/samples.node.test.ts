import { describe, expect, it } from 'vitest'
import { hasGenuine, readGenuine, readGenuineJson, readGenuinePem } from '../../genuine/samples.ts'
import { protobuf, readOwnQuote } from '../../genuine/tpm.ts'
import { akPoint, parseAkSignature, parseAttest, parseCertificate, verifyEs256 } from '../index.ts'

/** Structures of TPMs that we never met. */
const present = hasGenuine('tpm', 'the tests on genuine TPM samples')
const read = (name: string) => readGenuine(`tpm/${name}`)

describe.skipIf(!present)('genuine TPM structures', () => {
  it('of a Google cloud TPM: three quotes are read; their RSA AK is none that we take', () => {
    const fields = protobuf(read('gtt-gce-cos-85-nonce9009.pb'))
    expect(akPoint(fields.get(1)![0]!)).toBeUndefined()
    const quotes = fields.get(2)!.map(protobuf)
    expect(quotes).toHaveLength(3)
    for (const quote of quotes) {
      expect(parseAttest(quote.get(1)![0]!).extraData).toEqual(Uint8Array.of(0x90, 0x09))
      expect(() => parseAkSignature(quote.get(2)![0]!)).toThrow('ECDSA with SHA-256')
    }
    expect(parseCertificate(fields.get(6)![0]!).isCa).toBe(false)
  })
  it("of a Windows machine and of keylime's: the quotes are read; neither AK nor signature is one that we take", () => {
    const file = readGenuineJson('tpm/ga-windows_gcp_shielded_vm.json')
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
    const windows = [bytes(file.AK.Public), bytes(file.Quote.Quote), bytes(file.Quote.Signature), 4] as const
    const keylime = [read('kl-ak.pub').subarray(2), read('kl-quote.out'), read('kl-quotesig.out'), 11] as const
    for (const [publicArea, attest, signature, hash] of [windows, keylime]) {
      expect(parseAttest(attest).selection).toMatchObject([{ hash }])
      expect(akPoint(publicArea)).toBeUndefined()
      expect(() => parseAkSignature(signature)).toThrow('ECDSA with SHA-256')
    }
  })
  it('of another software TPM: the quote verifies, and certificates are read', async () => {
    const { point, attest, signature } = readOwnQuote()
    expect(parseAttest(attest).selection[0]?.pcrs).toHaveLength(11)
    expect(await verifyEs256(point, attest, parseAkSignature(signature))).toBe(true)
    for (const name of ['nv-1c00002.der', 'nv-1c00016.der']) {
      expect(parseCertificate(read(`own-swtpm/${name}`)).extendedKeyUsage).toEqual(['2.23.133.8.1'])
    }
  })
  it('of Google: AK and EK certificates with extensions of its own', () => {
    for (const name of ['gtt-pca_tpm_ecc_sign_cert.pem', 'gtt-pca_tpm_ecc_enc_cert.pem']) {
      expect(parseCertificate(readGenuinePem(`tpm/${name}`)).key).toMatchObject({ curve: 'P-256' })
    }
  })
})
