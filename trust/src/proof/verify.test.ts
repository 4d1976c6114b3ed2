import { describe, expect, it } from 'vitest'
import { swtpm } from '../../vectors/swtpm.ts'
import { proofAppraisers } from '../appraisers.ts'
import { encodeBundle, encodeClaims, selectFacts } from '../encode.ts'
import {
  digestOf,
  EntryKind,
  encodeGrants,
  type ProofExpectation,
  parseBundle,
  parsePolicy,
  utf8,
  verifyProof,
} from '../index.ts'
import { renderVerdict } from '../verdict.ts'
import { altered, factsWith, failures, flatten, known, other, sample } from './judged.fixture.ts'
import { makeSampleProof } from './sample-proof.fixture.ts'

describe('a proof of trust', () => {
  it('is affirmed from claims to ledger when the caller knows request, response and ledger', async () => {
    const verdict = await verifyProof(sample.bytes, known)
    expect(renderVerdict(verdict)).not.toContain('✘')
    expect(verdict).toMatchObject({ tier: 'affirming', outcome: 'affirm', claims: sample.claims })
    expect(verdict.assurance).toEqual({ integrity: 'none', confidentiality: 'none' })
    expect(verdict.boot).toBeGreaterThan(0)
  })
  it('holds a trace against the digest that the claims hold, and refuses one where none was recorded', async () => {
    const trace = utf8('what the actor saw')
    expect(await failures(sample.bytes, { ...known, trace })).toEqual(['proof/trace'])
    const claims = { ...sample.claims, trace: digestOf(trace) }
    const reasons = flatten((await verifyProof(altered({ claims: encodeClaims(claims) }), { ...known, trace })).reasons)
    expect(reasons.find(({ id }) => id === 'proof/trace')?.status).toBe('pass')
  })
  it('tells what was not checked', async () => {
    const { reasons } = await verifyProof(sample.bytes, known)
    const unchecked = flatten(reasons).filter(({ status }) => status === 'unchecked')
    for (const id of ['proof/standing', 'proof/anchor', 'endorsement/activation', 'platform']) {
      expect(unchecked.map((reason) => reason.id)).toContain(id)
    }
    expect(unchecked.find(({ id }) => id === 'proof/standing')?.found).toBe('provisional')
    expect(unchecked.find(({ id }) => id === 'endorsement/activation')?.found).toContain('vouched for')
  })
  it('is only a warning as long as its ledger facts are taken on trust', async () => {
    const verdict = await verifyProof(sample.bytes)
    expect(verdict).toMatchObject({ tier: 'warning', outcome: 'silence' })
    expect(verdict.summary).toContain('holds if they are true')
    const unchecked = verdict.reasons.filter(({ status }) => status === 'unchecked').map(({ id }) => id)
    expect(unchecked).toEqual(['proof/request', 'proof/response', 'proof/facts', 'proof/standing', 'proof/anchor'])
  })
  it('holds under the policy of the caller, where it is the same', async () => {
    expect(await verifyProof(sample.bytes, { ...known, policy: swtpm.policy })).toMatchObject({ tier: 'affirming' })
    await expect(verifyProof(sample.bytes, { policy: Uint8Array.of(0xa0) })).rejects.toThrow(
      expect.objectContaining({ code: 'policy/malformed' }),
    )
  })
  it('carries only what it relies on of the ledger', () => {
    const { facts } = parseBundle(sample.bytes)
    expect(facts.entries.map(({ name }) => name)).toEqual(['appraisal', 'key-value', 'key-value', 'hello'])
    expect(facts.nodes).toHaveLength(1)
    expect(facts.referenceValues).toHaveLength(1)
    expect(encodeBundle(parseBundle(sample.bytes))).toEqual(sample.bytes)
  })
  it('stands when the ledger has moved on', async () => {
    const facts = factsWith((own) => {
      own.block = { number: 90, hash: other, timestamp: own.block.timestamp + 600 }
      own.epoch = { number: 9, seed: other, openedAt: 0 }
      Object.assign(own.referenceValues[0]!, { status: 'grace', sinceBlock: 80 })
      Object.assign(own.entries.at(-1)!, { status: 'superseded', sinceBlock: 81 })
    })
    expect(await verifyProof(sample.bytes, { ...known, facts })).toMatchObject({ tier: 'affirming' })
  })
  it('holds for an actor without capabilities, in both ways to have none', async () => {
    for (const grants of [new Uint8Array(0), encodeGrants([])]) {
      const actor = { kind: EntryKind.actor, name: 'bare', sha256: other, grants }
      const { issue, facts } = await makeSampleProof({ more: [actor] })
      const bytes = await issue({ actor: { name: 'bare', version: 1, sha256: other }, capabilities: [] })
      expect(await verifyProof(bytes, { facts })).toMatchObject({ tier: 'affirming' })
    }
  })
  it('is a warning when something it rests on has been revoked since', async () => {
    const facts = factsWith((own) => {
      own.block = { number: 90, hash: other, timestamp: own.block.timestamp + 600 }
      own.epoch = { number: 9, seed: other, openedAt: 0 }
      Object.assign(own.entries.at(-1)!, { status: 'revoked', sinceBlock: 81 })
    })
    const verdict = await verifyProof(sample.bytes, { ...known, facts })
    expect(verdict).toMatchObject({ tier: 'warning', outcome: 'silence' })
    expect(verdict.summary).toContain('hello 1 has been revoked since')
  })
})

describe('reference values', () => {
  const references = utf8('references')
  const entry = {
    kind: EntryKind.policy,
    name: 'reference-values',
    sha256: digestOf(references),
    grants: new Uint8Array(),
  }
  it('go to whoever appraises platform and enclave, if the ledger holds them', async () => {
    const { bundle, evidence, facts } = await makeSampleProof({ more: [entry] })
    const relied = selectFacts(facts, evidence, parsePolicy(bundle.policy), references)
    const seen: unknown[] = []
    const appraisers: ProofExpectation['appraisers'] = async (...given) => {
      seen.push(given)
      return {}
    }
    const bytes = encodeBundle({ ...bundle, references, facts: relied })
    expect(await verifyProof(bytes, { facts, appraisers })).toMatchObject({ tier: 'affirming' })
    expect(seen).toEqual([[evidence, references]])
    expect(await failures(encodeBundle({ ...bundle, references: utf8('others') }), { facts, appraisers })).toEqual([
      'proof/references',
    ])
    expect(await proofAppraisers({ platform: { firmware: references, ima: references } }, references)).toEqual({})
  })
})
