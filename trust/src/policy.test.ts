import { describe, expect, it } from 'vitest'
import { swtpm } from '../vectors/swtpm.ts'
import { type CborValue, decodeCbor, digestOf, encodeCbor, encodePolicy, parsePolicy, policyDigest } from './index.ts'
import { promiseParser } from './parser.behavior.ts'

const policy = parsePolicy(swtpm.policy)
const malformed = expect.objectContaining({ code: 'policy/malformed' })

function change(field: string, value: CborValue | undefined): Uint8Array {
  const map = decodeCbor(swtpm.policy) as Map<string, CborValue>
  if (value === undefined) map.delete(field)
  else map.set(field, value)
  return encodeCbor(map)
}

describe('the policy', () => {
  promiseParser(parsePolicy, { valid: swtpm.policy, codes: ['policy/malformed'] })

  it('has one encoding, whose digest stands on the ledger', () => {
    expect(encodePolicy(policy)).toEqual(swtpm.policy)
    expect(policyDigest(policy)).toBe(digestOf(swtpm.policy))
    expect(swtpm.facts().entries.find(({ name }) => name === 'appraisal')?.sha256).toBe(policyDigest(policy))
  })
  it('has the same encoding whatever the order of types and roots', () => {
    const roots = [
      ['tpm-simulated', swtpm.root],
      ['tpm', swtpm.root],
      ['tpm', swtpm.issuer],
    ] as const
    const [one, other] = [roots, [...roots].reverse()].map((ekRoots, i) =>
      encodePolicy({ ...policy, types: i ? ['tpm', 'tpm-simulated'] : ['tpm-simulated', 'tpm'], ekRoots }),
    )
    expect(other).toEqual(one)
    expect(parsePolicy(one!).types).toEqual(['tpm', 'tpm-simulated'])
    expect(parsePolicy(one!).ekRoots.map(([type]) => type)).toEqual(['tpm', 'tpm', 'tpm-simulated'])
  })
  it('may name certificates that are taken no more', () => {
    const revoked = [digestOf(swtpm.issuer), digestOf(swtpm.ekP384)].sort()
    expect(parsePolicy(encodePolicy({ ...policy, revoked }))).toEqual({ ...policy, revoked })
  })
  it.each(['v', 'types', 'ekRoots', 'pcrs', 'freshSeconds'])('without %s is refused', (field) => {
    expect(() => parsePolicy(change(field, undefined))).toThrow(malformed)
  })
  it.each<[string, string, CborValue]>([
    ['a version to come', 'v', 2],
    ['an unknown field', 'acceptAll', true],
    ['no types: nothing stands for any', 'types', []],
    ['null for types', 'types', null],
    ['an unknown type', 'types', ['any']],
    ['a type twice', 'types', ['tpm-simulated', 'tpm-simulated']],
    ['a type without a root', 'types', ['tpm', 'tpm-simulated']],
    ['no roots', 'ekRoots', []],
    ['a root of a type that is not taken', 'ekRoots', ['tpm', 'tpm-simulated'].map((type) => [type, swtpm.root])],
    ['a root twice', 'ekRoots', Array(2).fill(['tpm-simulated', swtpm.root])],
    ['a root without a type', 'ekRoots', [[swtpm.root]]],
    ['a root that is no certificate', 'ekRoots', [['tpm-simulated', new Uint8Array(4)]]],
    ['a root that is no CA', 'ekRoots', [['tpm-simulated', swtpm.ekP384]]],
    ['no PCRs', 'pcrs', []],
    ['R alone', 'pcrs', [12]],
    ['resettable PCRs', 'pcrs', [16, 23]],
    ['PCRs as texts', 'pcrs', ['12', '13']],
    ['no time to be fresh', 'freshSeconds', 0],
    ['verdicts that never end', 'freshSeconds', 2_592_001],
    ['nothing revoked', 'revoked', []],
    ['a revoked digest cut short', 'revoked', [new Uint8Array(31)]],
    ['a revoked digest twice', 'revoked', [new Uint8Array(32), new Uint8Array(32)]],
  ])('with %s is refused', (_, field, value) => {
    expect(() => parsePolicy(change(field, value))).toThrow(malformed)
  })
  it('that would be refused is not encoded', () => {
    expect(() => encodePolicy({ ...policy, types: [] })).toThrow(malformed)
  })
})
