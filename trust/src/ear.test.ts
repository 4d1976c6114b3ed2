import { describe, expect, it } from 'vitest'
import { swtpm } from '../vectors/swtpm.ts'
import { ear } from './ear.ts'
import {
  appraise,
  type Digest,
  evidenceDigest,
  type LedgerFacts,
  parseEvidence,
  parsePolicy,
  policyDigest,
  type Reason,
} from './index.ts'

const evidence = parseEvidence(swtpm.evidence)
const policy = parsePolicy(swtpm.policy)
const context = {
  ...{ node: evidence.node, type: evidence.type, evidence: evidenceDigest(swtpm.evidence) },
  ...{ issuedAt: 1_800_000_000, build: 'test' },
}
const none = { 'runtime-opaque': 0, 'storage-opaque': 0, 'sourced-data': 0 }

async function earOf(change: (facts: LedgerFacts) => unknown = () => {}, nonce: Digest = evidence.nonce) {
  const facts = swtpm.facts()
  change(facts)
  const verdict = await appraise(evidence, { nonce }, facts, policy)
  return { verdict, ...ear(verdict, context) }
}

describe('an EAT Attestation Result', () => {
  it('says who appraised what, under which policy, and until when', async () => {
    const { verdict, ...result } = await earOf()
    expect(result).toMatchObject({
      eat_profile: 'tag:ietf.org,2026:rats/ear#04',
      iat: 1_800_000_000,
      exp: verdict.expires,
    })
    const appraisal = result.submods[evidence.node]!
    expect(appraisal.ear_status).toBe('affirming')
    expect(appraisal.ear_appraisal_policy_ids).toEqual([`urn:x-teapot:policy:${policyDigest(policy)}`])
    expect(appraisal['urn:x-teapot:verdict']).toMatchObject({ evidence: context.evidence, run: verdict.run })
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  })
  it('claims nothing of simulated hardware, nor of software on a chain that nobody appraised', async () => {
    const vector = (await earOf()).submods[evidence.node]!.ear_trustworthiness_vector
    const claims = { 'instance-identity': 2, configuration: 0, executables: 0, 'file-system': 0, hardware: 0 }
    expect(vector).toEqual({ ...claims, ...none })
  })
  it('tells an enclave as one', async () => {
    const { verdict } = await earOf()
    const tee: Reason = { id: 'tee', status: 'pass', title: '' }
    const assurance = { integrity: 'enclave', confidentiality: 'enclave' } as const
    const reasons = [...verdict.reasons.filter(({ id }) => id !== 'tee'), tee]
    const result = ear({ ...verdict, reasons, assurance }, { ...context, type: 'tpm' })
    expect(result.submods[evidence.node]!.ear_trustworthiness_vector).toMatchObject({
      ...{ executables: 2, hardware: 2, 'runtime-opaque': 2, 'file-system': 0 },
    })
  })
  it.each<[string, Record<string, number>, ((facts: LedgerFacts) => unknown) | undefined, Digest | undefined]>([
    ['an unknown release', { executables: 96 }, (f) => f.referenceValues.pop(), undefined],
    [
      'an old release',
      { executables: 32 },
      (f) => Object.assign(f.referenceValues[0]!, { status: 'superseded' }),
      undefined,
    ],
    ['another nonce', { 'instance-identity': 97, executables: 0 }, undefined, swtpm.facts().epoch.seed],
  ])('points at %s', async (_, claims, change, nonce) => {
    const { verdict, submods } = await earOf(change, nonce)
    const appraisal = submods[evidence.node]!
    expect(appraisal.ear_status).toBe(verdict.tier)
    expect(appraisal.ear_trustworthiness_vector).toMatchObject(claims)
    expect(appraisal['urn:x-teapot:verdict'].fix).toBeTruthy()
  })
})
