import { describe, expect, it } from 'vitest'
import { encodeBundle } from '../encode.ts'
import { leafInput, parseBundle, toHex, verifyProof } from '../index.ts'
import { renderVerdict } from '../verdict.ts'
import { failures, known, sample } from './judged.fixture.ts'
import { describeProof } from './view.ts'

describe('the results that a result rests on', () => {
  /** A chain of results, each resting on the one before. */
  async function chainOf(length: number): Promise<Uint8Array> {
    let bytes = sample.bytes
    for (let i = 1; i < length; i++) bytes = await restingOn([bytes])
    return bytes
  }
  async function restingOn(children: Uint8Array[]): Promise<Uint8Array> {
    const named = children.map(parseBundle).map(({ salt, claims }) => toHex(leafInput(salt, claims)))
    return encodeBundle({ ...parseBundle(await sample.issue({ children: named })), children })
  }
  it('are judged one by one, and lower the tier and the assurance of the whole', async () => {
    const verdict = await verifyProof(await chainOf(3), known)
    expect(verdict).toMatchObject({
      tier: 'affirming',
      children: [{ children: [{ claims: sample.claims, children: [] }] }],
    })
    expect(renderVerdict(verdict)).toContain('\n    affirming: ')
    const revoked = structuredClone(sample.bundle)
    revoked.facts.referenceValues[0]!.status = 'revoked'
    const bad = await verifyProof(await restingOn([sample.bytes, encodeBundle(revoked)]))
    expect(bad).toMatchObject({ tier: 'contraindicated', outcome: 'silence' })
    expect(bad.children.map(({ tier }) => tier)).toEqual(['warning', 'contraindicated'])
  })
  it('must be those that the claims name, in their order', async () => {
    const failure = await sample.issue({ outcome: 'actor/refused' })
    const both = await restingOn([sample.bytes, failure])
    expect(await verifyProof(both, known)).toMatchObject({ tier: 'affirming' })
    const swapped = encodeBundle({ ...parseBundle(both), children: [failure, sample.bytes] })
    expect(await failures(swapped)).toEqual(['proof/children'])
  })
  it('are at most 8 deep, and 64 in all', async () => {
    expect(await verifyProof(await chainOf(9), known)).toMatchObject({ tier: 'affirming' })
    expect((await verifyProof(await chainOf(10), known)).tier).toBe('none')
    expect(describeProof(await chainOf(9)).children).toHaveLength(1)
    const many = (count: number) => restingOn(Array.from({ length: count }, () => sample.bytes))
    expect(await verifyProof(await many(64), known)).toMatchObject({ tier: 'affirming' })
    expect(await failures(await many(65))).toEqual(['proof/children'])
    expect(describeProof(await many(64)).children).toHaveLength(64)
    for (const bytes of [await chainOf(10), await many(65)]) {
      expect(() => describeProof(bytes)).toThrow(expect.objectContaining({ code: 'proof/bundle-malformed' }))
    }
  })
})
