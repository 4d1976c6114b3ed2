import { randomBytes } from 'node:crypto'
import { digestOf, type Hex, type NodeId, toHex } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { activate } from './activation.ts'
import { loadAk } from './ak.ts'
import { ekKeyOf, splitDer } from './certificate.ts'
import { nvRead } from './commands/nv.ts'
import { certifyEk, certifyKey } from './ek.fixture.ts'
import { makeCredential, nameOf } from './make-credential.ts'
import { useSwtpm } from './swtpm.fixture.ts'
import { EK_PROFILES, type EkKind } from './templates.ts'

const { swtpm, tpm } = await useSwtpm()
const connection = await tpm.connect()
const ak = await loadAk(connection)
const node = digestOf(ak.name) as Hex as NodeId

/** Of the form of CVE-2017-15361: a power of 65537 modulo the product of the first 126 primes. */
const WEAK = ((): bigint => {
  const isPrime = (n: number) => !Array.from({ length: 25 }, (_, i) => i + 2).some((d) => d < n && n % d === 0)
  const primes = Array.from({ length: 700 }, (_, i) => i + 2).filter(isPrime)
  const product = primes.reduce((all, prime) => all * BigInt(prime), 1n)
  return (65537n ** 1000n % product) + (product << BigInt(2048 - product.toString(2).length))
})()

test.each(Object.keys(EK_PROFILES) as EkKind[])(
  'the TPM opens with its %s EK what was sealed to the certificate',
  async (kind) => {
    const { certificateIndex, key } = EK_PROFILES[kind]
    const byMaker = kind === 'p384' || kind === 'rsa2048'
    const certificate = byMaker ? await readCertificate(certificateIndex) : await certifyEk(swtpm, connection, kind)
    expect(ekKeyOf(certificate)).toBe(key)
    for (const size of [1, 16, 32]) {
      const secret = randomBytes(size)
      const credential = makeCredential(certificate, node, ak.public, secret)
      expect(toHex(await activate(connection, ak, kind, credential))).toBe(toHex(secret))
    }
  },
)

test.each(['p384', 'rsa2048'] as const)('with an altered blob its %s EK refuses', async (kind) => {
  const certificate = await readCertificate(EK_PROFILES[kind].certificateIndex)
  const credential = makeCredential(certificate, node, ak.public, randomBytes(32))
  credential.credentialBlob[credential.credentialBlob.length - 1]! ^= 1
  await expect(activate(connection, ak, kind, credential)).rejects.toMatchObject({ code: 'tpm/credential-refused' })
})

test('an AK that is not of the node is refused before anything is sealed', async () => {
  const certificate = await readCertificate(EK_PROFILES.p384.certificateIndex)
  const other = digestOf(nameOf(randomBytes(88))) as Hex as NodeId
  expect(() => makeCredential(certificate, other, ak.public, randomBytes(32))).toThrow(
    expect.objectContaining({ code: 'tpm/ak-of-another-node' }),
  )
})

test.each([
  ['no DER', async () => randomBytes(100)],
  ['a certificate of an RSA key that can be factored', () => certifyRsa(WEAK)],
  ['a certificate of an RSA-3072 key', async () => derOf((await swtpm.certificates())[0]!)],
])('%s is no EK certificate', async (_, read) => {
  const bytes = await read()
  expect(() => makeCredential(bytes, node, ak.public, randomBytes(32))).toThrow(
    expect.objectContaining({ code: 'tpm/no-ek-certificate' }),
  )
})

test('an RSA key that is almost one that can be factored is taken', async () => {
  expect(ekKeyOf(await certifyRsa(WEAK + 2n))).toBe('rsa2048')
})

function certifyRsa(modulus: bigint): Promise<Uint8Array> {
  return certifyKey(swtpm, { kty: 'RSA', e: 'AQAB', n: Buffer.from(modulus.toString(16), 'hex').toString('base64url') })
}

async function readCertificate(index: number): Promise<Uint8Array> {
  return splitDer(await nvRead(connection, index))[0]!
}

function derOf(pem: string): Uint8Array {
  return Buffer.from(pem.replace(/-----.*?-----/g, ''), 'base64')
}
