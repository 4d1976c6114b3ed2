import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  akProblem,
  parseAttest,
  parseCertificate,
  parseTpmPublic,
  parseTpmSignature,
  tpmName,
  verifyTpmSignature,
} from '../index.ts'
import { TPMA } from './public.ts'

/** Structures of TPMs that we never met, kept beside the checkout, as they are other people's. */
const folder = join(import.meta.dirname, '../../../../shared/samples/tpm')
const present = existsSync(folder)
if (!present) console.warn('SKIPPED: the tests on genuine TPM samples, as ../shared/samples/tpm is not there')
const read = (name: string) => new Uint8Array(readFileSync(join(folder, name)))

describe.skipIf(!present)('genuine TPM structures', () => {
  it('of a Google cloud TPM: an RSA AK with three quotes, whose signatures hold', async () => {
    const fields = protobuf(read('gtt-gce-cos-85-nonce9009.pb'))
    const [publicArea] = fields.get(1)!
    const ak = parseTpmPublic(publicArea!)
    expect(ak.attributes & TPMA.restricted).toBeTruthy()
    expect(akProblem(ak)).toMatchObject({ found: 'RSA-2048' })
    const quotes = fields.get(2)!.map(protobuf)
    expect(quotes).toHaveLength(3)
    for (const quote of quotes) {
      const [attest, signature] = [quote.get(1)![0]!, quote.get(2)![0]!]
      expect(parseAttest(attest)).toMatchObject({ attested: { type: 'quote' }, extraData: Uint8Array.of(0x90, 0x09) })
      expect(await verifyTpmSignature(ak, attest, parseTpmSignature(signature))).toBe(true)
    }
    expect(parseCertificate(fields.get(6)![0]!).isCa).toBe(false)
  })
  it('of a Windows machine: a SHA-1 quote is read, and its signature does not count', async () => {
    const file = JSON.parse(readFileSync(join(folder, 'ga-windows_gcp_shielded_vm.json'), 'utf8'))
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
    const ak = parseTpmPublic(bytes(file.AK.Public))
    const attest = bytes(file.Quote.Quote)
    expect(parseAttest(attest).attested).toMatchObject({ type: 'quote', selection: [{ hash: 4 }] })
    expect(await verifyTpmSignature(ak, attest, parseTpmSignature(bytes(file.Quote.Signature)))).toBe(false)
  })
  it("of keylime's samples: the quote verifies", async () => {
    const ak = parseTpmPublic(read('kl-ak.pub').subarray(2))
    const attest = read('kl-quote.out')
    expect(parseAttest(attest).attested.type).toBe('quote')
    expect(await verifyTpmSignature(ak, attest, parseTpmSignature(read('kl-quotesig.out')))).toBe(true)
  })
  it('of another software TPM: quote, AK and certificates', async () => {
    const publicArea = read('own-swtpm/ak.tpm2b').subarray(2)
    const ak = parseTpmPublic(publicArea)
    const attest = read('own-swtpm/quote.msg')
    expect(tpmName(publicArea)).toHaveLength(34)
    expect(await verifyTpmSignature(ak, attest, parseTpmSignature(read('own-swtpm/quote.sig')))).toBe(true)
    for (const name of ['nv-1c00002.der', 'nv-1c00016.der']) {
      expect(parseCertificate(read(`own-swtpm/${name}`)).extendedKeyUsage).toEqual(['2.23.133.8.1'])
    }
  })
  it('of Google: AK and EK certificates with extensions of its own', () => {
    for (const name of ['gtt-pca_tpm_ecc_sign_cert.pem', 'gtt-pca_tpm_ecc_enc_cert.pem']) {
      const pem = readFileSync(join(folder, name), 'utf8').replace(/-----.*-----|\n/g, '')
      expect(parseCertificate(new Uint8Array(Buffer.from(pem, 'base64'))).key).toMatchObject({ curve: 'P-256' })
    }
  })
})

/** The length-delimited fields of a protobuf message, by number. */
function protobuf(bytes: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const key = varint()
    const length = varint()
    if ((key & 7) !== 2) continue
    const number = key >> 3
    fields.set(number, [...(fields.get(number) ?? []), bytes.subarray(at, at + length)])
    at += length
  }
  return fields
}
