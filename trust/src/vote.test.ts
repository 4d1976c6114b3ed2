import { describe, expect, it } from 'vitest'
import { concatBytes, digestOf, fromHex, type Hex, toHex, utf8 } from './index.ts'
import { signVote, type Vote, verifyVote, voteDigest } from './vote.ts'

const vote: Vote = {
  chainId: 31337,
  attestation: toHex(new Uint8Array(20).fill(1)),
  epoch: 7,
  node: toHex(new Uint8Array(32).fill(2)),
  outcome: 'affirm',
  run: toHex(new Uint8Array(32).fill(3)),
  boot: 4,
  evidence: toHex(new Uint8Array(32).fill(5)),
  quote: toHex(new Uint8Array(32).fill(6)),
}
const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
  'sign',
  'verify',
])
const voteKey = toHex(new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)))
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

describe('a vote', () => {
  it('has the digest that the contract computes', () => {
    const packed = concatBytes(
      utf8('teapot/vote/1'),
      fromHex(`0x${(31337).toString(16).padStart(64, '0')}`),
      new Uint8Array(20).fill(1),
      fromHex('0x0000000000000007'),
      new Uint8Array(32).fill(2),
      Uint8Array.of(1),
      new Uint8Array(32).fill(3),
      fromHex('0x0000000000000004'),
      new Uint8Array(32).fill(5),
      new Uint8Array(32).fill(6),
    )
    expect(packed).toHaveLength(13 + 32 + 20 + 8 + 32 + 1 + 32 + 8 + 32 + 32)
    expect(voteDigest(vote)).toBe(digestOf(packed))
  })
  it('is verified by the key that signed it, always with a low s', async () => {
    for (let i = 0; i < 8; i++) {
      const signature = await signVote({ ...vote, epoch: i }, privateKey)
      expect(BigInt(`0x${signature.slice(66)}`) <= ORDER / 2n).toBe(true)
      expect(await verifyVote({ ...vote, epoch: i }, signature, voteKey)).toBe(true)
    }
  })
  it.each<[string, Partial<Vote>]>([
    ['chain', { chainId: 1 }],
    ['contract', { attestation: toHex(new Uint8Array(20)) }],
    ['epoch', { epoch: 8 }],
    ['node', { node: toHex(new Uint8Array(32)) }],
    ['outcome', { outcome: 'mismatch' }],
    ['run', { run: toHex(new Uint8Array(32)) }],
    ['boot', { boot: 5 }],
    ['evidence', { evidence: toHex(new Uint8Array(32)) }],
  ])('for another %s is not verified', async (_, change) => {
    const signature = await signVote(vote, privateKey)
    expect(await verifyVote({ ...vote, ...change }, signature, voteKey)).toBe(false)
  })
  it('with the other, high s is refused', async () => {
    const signature = await signVote(vote, privateKey)
    const high = (ORDER - BigInt(`0x${signature.slice(66)}`)).toString(16).padStart(64, '0')
    expect(await verifyVote(vote, `${signature.slice(0, 66)}${high}` as Hex, voteKey)).toBe(false)
  })
  it('with a signature or key out of form is refused', async () => {
    const signature = await signVote(vote, privateKey)
    expect(await verifyVote(vote, signature.slice(0, -2) as Hex, voteKey)).toBe(false)
    expect(await verifyVote(vote, `0x${'zz'.repeat(64)}`, voteKey)).toBe(false)
    expect(await verifyVote(vote, signature, toHex(new Uint8Array(65).fill(4)))).toBe(false)
    expect(await verifyVote(vote, signature, '0x04')).toBe(false)
  })
  it('is not encoded when a field has the wrong size or is no unsigned integer', () => {
    const malformed = expect.objectContaining({ code: 'vote/malformed' })
    expect(() => voteDigest({ ...vote, node: '0x01' as Hex })).toThrow(malformed)
    expect(() => voteDigest({ ...vote, epoch: -1 })).toThrow(malformed)
    expect(() => voteDigest({ ...vote, boot: 1.5 })).toThrow(malformed)
  })
})
