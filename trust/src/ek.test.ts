import { describe, expect, it } from 'vitest'
import { type CertificatePlan, der, EK_EXTENSIONS, makeCertificate, makeKey } from '../vectors/certificates.ts'
import { swtpm } from '../vectors/swtpm.ts'
import { DER, soleSequence } from './der.ts'
import { ekChainProblem } from './ek.ts'
import { concatBytes, digestOf, ekDigest, fromHex, type Policy, parseCertificate, parsePolicy, toHex } from './index.ts'

const policy = parsePolicy(swtpm.policy)
const now = swtpm.facts().block.timestamp
const problem = (chain: Uint8Array[], roots: Uint8Array[], at = now) => {
  const own: Policy = { ...policy, types: ['tpm'], ekRoots: roots.map((root) => ['tpm', root] as const) }
  return ekChainProblem(chain, 'tpm', own, at)
}

const [rootKey, caKey, ekKey] = [await makeKey('P-384'), await makeKey('P-256'), await makeKey('P-384')]
const rootPlan: CertificatePlan = { subject: 'root', issuer: 'root', key: rootKey, signer: rootKey, ca: true }
const caPlan: CertificatePlan = { subject: 'ca', issuer: 'root', key: caKey, signer: rootKey, ca: true, pathLength: 0 }
const ekPlan: CertificatePlan = { subject: 'ek', issuer: 'ca', key: ekKey, signer: caKey, extensions: EK_EXTENSIONS }
const [root, ca, ek] = [await makeCertificate(rootPlan), await makeCertificate(caPlan), await makeCertificate(ekPlan)]

describe('an EK chain', () => {
  it("of a software TPM's RSA and P-384 keys ends at the policy's root", async () => {
    for (const certificate of [swtpm.ekP384, swtpm.ekRsa]) {
      expect(await ekChainProblem([certificate, swtpm.issuer], 'tpm-simulated', policy, now)).toBeUndefined()
    }
  })
  it.each(['P-256', 'P-384', 'SHA-256'] as const)('of an EK in %s (the last: RSA) ends at its root', async (kind) => {
    const key = await makeKey(kind)
    const leaf = await makeCertificate({ ...ekPlan, key, keyUsage: kind === 'SHA-256' ? '0520' : '0308' })
    expect(await problem([leaf, ca], [root])).toBeUndefined()
  })
  it('whose EK certificate, or an issuer of it, the policy revokes is refused', async () => {
    const own: Policy = { ...policy, types: ['tpm'], ekRoots: [['tpm', root]] }
    expect(await ekChainProblem([ek, ca], 'tpm', { ...own, revoked: [ekDigest(root)!] }, now)).toBeUndefined()
    for (const certificate of [ek, ca]) {
      const revoking = { ...own, revoked: [ekDigest(certificate)!] }
      expect(await ekChainProblem([ek, ca], 'tpm', revoking, now)).toMatchObject({ found: ekDigest(certificate) })
    }
  })
  it.each(['SHA-256', 'SHA-384', 'RSA-PSS'] as const)('in RSA with %s ends at its root', async (hash) => {
    const signer = await makeKey(hash)
    const rsaRoot = await makeCertificate({ ...rootPlan, key: signer, signer })
    const leaf = await makeCertificate({ ...ekPlan, issuer: 'root', signer })
    expect(await problem([leaf], [rsaRoot])).toBeUndefined()
    expect(await problem([leaf], [root, rsaRoot])).toBeUndefined()
    expect(await problem([leaf], [root])).toMatchObject({ expected: "its issuer's signature" })
  })
  it('ends nowhere for an evidence type that the policy has no root for', async () => {
    expect(await ekChainProblem([swtpm.ekP384, swtpm.issuer], 'tpm', policy, now)).toMatchObject({ found: 'none' })
  })
  it('that is empty, or lacks its issuer, is refused', async () => {
    expect(await problem([], [root])).toBeDefined()
    expect(await problem([ek], [root])).toMatchObject({ expected: 'the issuer that it names' })
    expect(await problem([ca], [root])).toBeDefined()
  })
  it('is refused before and after any of its certificates is valid', async () => {
    const early = await makeCertificate({ ...caPlan, notAfter: '20200601000000Z' })
    expect(await problem([ek, early], [root], Date.UTC(2020, 4) / 1000)).toBeUndefined()
    expect(await problem([ek, early], [root])).toMatchObject({ found: 'until 2020-06-01T00:00:00' })
    expect(await problem([ek, early], [root], Date.UTC(2019, 0) / 1000)).toMatchObject({
      found: 'from 2020-01-01T00:00:00',
    })
  })
  it.each<[string, Partial<CertificatePlan>]>([
    ['is no CA', { ca: false, keyUsage: '0204' }],
    ['may not sign certificates', { keyUsage: '0780' }],
    ['says nothing of key usage', { keyUsage: '' }],
    ['has another name', { subject: 'other' }],
    ['has another key', { key: ekKey }],
    ['is signed by another', { signer: caKey }],
  ])('whose issuer %s is refused', async (_, change) => {
    expect(await problem([ek, await makeCertificate({ ...caPlan, ...change })], [root])).toBeDefined()
  })
  it('longer than a path length allows is refused', async () => {
    const subKey = await makeKey('P-256')
    const sub = await makeCertificate({ ...caPlan, subject: 'sub', issuer: 'ca', key: subKey, signer: caKey })
    const leaf = await makeCertificate({ ...ekPlan, issuer: 'sub', signer: subKey })
    expect(await problem([leaf, sub, ca], [root])).toMatchObject({ found: '1' })
    const wide = await makeCertificate({ ...caPlan, pathLength: 1 })
    expect(await problem([leaf, sub, wide], [root])).toBeUndefined()
  })
  it.each<[string, Partial<CertificatePlan>]>([
    ['is a CA', { ca: true, keyUsage: '0308' }],
    ['is for another use', { extensions: EK_EXTENSIONS.slice(1) }],
    ['names no maker', { extensions: EK_EXTENSIONS.slice(0, 1) }],
    ['may not agree keys', { keyUsage: '0780' }],
  ])('whose EK certificate %s is refused', async (_, change) => {
    expect(await problem([await makeCertificate({ ...ekPlan, ...change }), ca], [root])).toBeDefined()
  })
  it('with bytes that are no certificate, or a signature out of form, is refused', async () => {
    expect(await problem([ek, Uint8Array.of(0x30, 0)], [root])).toMatchObject({
      expected: 'certificates that can be read',
    })
    const cut = ek.slice()
    cut[cut.length - 1]! ^= 1
    expect(await problem([cut, ca], [root])).toBeDefined()
  })
})

describe('an EK', () => {
  it('is known by the digest of its key', () => {
    expect(ekDigest(swtpm.ekP384)).toBe(digestOf(parseCertificate(swtpm.ekP384).key.spki))
    expect(swtpm.facts().nodes[0]!.ekDigest).toBe(ekDigest(swtpm.ekP384))
  })
  it('is the same, and revoked, by whichever signature its certificate is shown', async () => {
    const { signature } = parseCertificate(ek)
    const numbers = soleSequence(signature.value)
    const [r, s] = [0, 1].map(() => BigInt(toHex(numbers.expect(DER.integer).content)))
    const other = withSignature(ek, r!, P256_ORDER - s!)
    expect(await problem([other, ca], [root])).toBeUndefined()
    expect(ekDigest(other)).toBe(ekDigest(ek))
    const own: Policy = { ...policy, types: ['tpm'], ekRoots: [['tpm', root]], revoked: [ekDigest(ek)!] }
    expect(await ekChainProblem([other, ca], 'tpm', own, now)).toMatchObject({
      found: expect.stringContaining(ekDigest(ek)!),
    })
    const overlapping = withSignature(ek, 1n, (r! << 256n) | s!)
    expect(await problem([overlapping, ca], [root])).toMatchObject({ expected: "its issuer's signature" })
  })
})

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** A certificate with an ECDSA signature of these numbers. */
function withSignature(certificate: Uint8Array, ...numbers: bigint[]): Uint8Array {
  const parts = soleSequence(certificate)
  const signed = [parts.expect(DER.sequence).whole, parts.expect(DER.sequence).whole]
  const integers = numbers.map((number) => {
    const hex = number.toString(16)
    const bytes = fromHex(`0x${hex.length % 2 ? '0' : ''}${hex}`)
    return der(DER.integer, bytes[0]! < 0x80 ? bytes : concatBytes(new Uint8Array(1), bytes))
  })
  return der(DER.sequence, ...signed, der(DER.bitString, new Uint8Array(1), der(DER.sequence, ...integers)))
}
