import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fromHex } from './bytes.ts'
import { signatureHolds } from './certificate-chain.ts'
import { verifyEs256 } from './es256.ts'
import type { CertificateKey, CertificateSignature } from './x509.ts'

/** A checkout of Project Wycheproof (github.com/C2SP/wycheproof). */
const folder = process.env.WYCHEPROOF
if (!folder) console.warn('SKIPPED: the signature vectors of Project Wycheproof, as WYCHEPROOF names no checkout')

type Test = { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' | 'acceptable' }
type Vectors = { testGroups: { publicKey: { uncompressed?: string }; publicKeyDer: string; tests: Test[] }[] }
const bytes = (hex: string) => fromHex(`0x${hex}`)

/** As a certificate would hold it. */
function keyOf({ publicKey, publicKeyDer }: Vectors['testGroups'][number]): CertificateKey {
  const spki = bytes(publicKeyDer)
  const point = bytes(publicKey.uncompressed ?? '')
  if (point.length === 0) return { spki, type: 'rsa', modulus: point, exponent: point }
  const x = point.slice(1, 1 + point.length / 2)
  return { spki, type: 'ec', curve: x.length === 32 ? 'P-256' : 'P-384', x, y: x }
}

describe.skipIf(!folder)("Project Wycheproof's signatures", () => {
  it.each<[string, CertificateSignature['scheme'] | 'ES256', CertificateSignature['hash']]>([
    ['ecdsa_secp256r1_sha256', 'ECDSA', 'SHA-256'],
    ['ecdsa_secp256r1_sha256_p1363', 'ES256', 'SHA-256'],
    ['ecdsa_secp384r1_sha256', 'ECDSA', 'SHA-256'],
    ['ecdsa_secp384r1_sha384', 'ECDSA', 'SHA-384'],
    ['rsa_pss_2048_sha384_mgf1_48', 'RSA-PSS', 'SHA-384'],
    ['rsa_pss_4096_sha384_mgf1_48', 'RSA-PSS', 'SHA-384'],
    ['rsa_signature_2048_sha256', 'RSASSA-PKCS1-v1_5', 'SHA-256'],
    ['rsa_signature_4096_sha384', 'RSASSA-PKCS1-v1_5', 'SHA-384'],
  ])('of %s are told apart', async (name, scheme, hash) => {
    const vectors: Vectors = JSON.parse(readFileSync(join(folder!, 'testvectors_v1', `${name}_test.json`), 'utf8'))
    const wrong: number[] = []
    for (const group of vectors.testGroups) {
      for (const { tcId, msg, sig, result } of group.tests) {
        const [tbs, value] = [bytes(msg), bytes(sig)]
        const holds =
          scheme === 'ES256'
            ? await verifyEs256(bytes(group.publicKey.uncompressed!), tbs, value)
            : await signatureHolds({ tbs, signature: { scheme, hash, value } }, keyOf(group))
        if (result !== 'acceptable' && holds !== (result === 'valid')) wrong.push(tcId)
      }
    }
    expect(wrong).toEqual([])
  })
})
