import { describe, expect, it } from 'vitest'
import {
  type Claims,
  EntryKind,
  encodeGrants,
  type LedgerFacts,
  leafInput,
  type ProofExpectation,
  verifyProof,
} from '../index.ts'
import { altered, factsWith, failures, flatten, known, other, sample } from './judged.fixture.ts'
import { makeSampleProof } from './sample-proof.fixture.ts'

// What any verifier must refuse stands in spec/vectors.
describe('a proof is refused', () => {
  const links = async (bytes: Uint8Array, expected?: ProofExpectation) => {
    const ids = await failures(bytes, expected)
    return ids.filter((id) => id.startsWith('proof/'))
  }
  it('with the evidence of another run or node', async () => {
    const stranger = await makeSampleProof({ seed: 'stranger' })
    const ids = await links(altered({ evidence: stranger.bundle.evidence }))
    expect(ids).toEqual(expect.arrayContaining(['proof/signature', 'proof/evidence', 'proof/run', 'proof/node']))
  })
  it('with a receipt signed by another key', async () => {
    const stranger = await makeSampleProof({ seed: 'stranger' })
    const { salt, claims } = sample.bundle
    const receipt = await stranger.receiptFor(leafInput(salt, claims))
    expect(await links(altered({ receipt }))).toContain('proof/signature')
  })
  it('when the claims name another node, run or a block before the evidence', async () => {
    const cases: [Partial<Claims>, string][] = [
      [{ node: other }, 'proof/node'],
      [{ run: other }, 'proof/run'],
      [{ block: { number: 39, hash: other } }, 'proof/block'],
      [{ block: { number: 40, hash: other } }, 'proof/block'],
    ]
    for (const [change, id] of cases) expect(await links(await sample.issue(change))).toEqual([id])
  })
  it('when the actor, its bytes, version or capabilities are not those measured', async () => {
    const { actor } = sample.claims
    const cases: Partial<Claims>[] = [
      { capabilities: ['kv.read', 'kv.write'] },
      { actor: { ...actor, name: 'key-value' } },
      { actor: { ...actor, sha256: other } },
    ]
    for (const change of cases) {
      const expected = { ...known, request: undefined } as never
      expect(await links(await sample.issue(change), expected)).toContain('proof/actor')
    }
    expect(await links(await sample.issue({ actor: { ...actor, version: 2 } }))).toEqual(['proof/version'])
  })
  it('when its leaf is before the quote', async () => {
    const leaf = leafInput(sample.bundle.salt, sample.bundle.claims)
    expect(await links(altered({ receipt: await sample.receiptFor(leaf, { index: 3 }) }))).toEqual(['proof/order'])
  })
  it('when C holds what the ledger never held', async () => {
    const { facts } = sample.bundle
    const entries = facts.entries.filter(({ version, kind }) => kind !== 4 || version !== 1)
    const verdict = await verifyProof(altered({ facts: { ...facts, entries } }))
    expect(verdict).toMatchObject({ tier: 'contraindicated', outcome: 'mismatch' })
  })
  it('when the actor was measured only after the quote', async () => {
    const actor = { kind: EntryKind.actor, name: 'late', sha256: other, grants: encodeGrants(['kv.read']) }
    const change = { actor: { name: 'late', version: 1, sha256: other } }
    const before = await makeSampleProof({ more: [actor] })
    expect(await verifyProof(await before.issue(change), { facts: before.facts })).toMatchObject({ tier: 'affirming' })
    const after = await makeSampleProof({ more: [actor], late: true })
    expect(await links(await after.issue(change), { facts: after.facts })).toContain('proof/actor')
  })
  it('of a node that is Pending, whose keys no quorum of Verifiers has affirmed', async () => {
    const pending = { status: 'pending', statusSince: 40 } as const
    const facts = factsWith((own) => Object.assign(own.nodes[0]!, pending))
    const nodes = sample.bundle.facts.nodes.map((node) => ({ ...node, ...pending }))
    const bytes = altered({ facts: { ...sample.bundle.facts, nodes } })
    for (const expected of [{}, { facts }]) expect(await links(bytes, expected)).toEqual(['proof/in-service'])
    const reasons = flatten((await verifyProof(bytes)).reasons)
    expect(reasons.find(({ id }) => id === 'endorsement/activation')?.found).toContain('vouched for by nobody')
  })
  it('when its block or epoch cannot be where, or when, it says', async () => {
    const { facts } = sample.bundle
    const { timestamp } = facts.block
    const opened = { number: 35, hash: other, timestamp: facts.epoch.openedAt }
    const closed = { number: 50, hash: other, timestamp: timestamp + 60 }
    const record = { root: other, leaves: other }
    const epochs = [
      { ...record, number: 6, seed: other, closedAt: opened },
      { ...record, number: 7, seed: facts.epoch.seed, closedAt: closed },
    ]
    const later = { facts: sample.ledger.facts, epochs }
    expect(await verifyProof(sample.bytes, later)).toMatchObject({ tier: 'affirming' })
    const year = 365 * 86_400
    const changes: Partial<typeof facts>[] = [
      // As it was when an old statement of a maker still held.
      { block: { ...facts.block, timestamp: timestamp - year } },
      { block: { ...facts.block, timestamp: timestamp + 61 } },
      { block: { ...facts.block, number: 35 } },
      { block: closed },
      { block: { ...facts.block, number: 51 } },
      { block: { ...facts.block, number: 51, timestamp: closed.timestamp + 1 } },
      { epoch: { ...facts.epoch, seed: other } },
      { block: { ...facts.block, number: 34, timestamp: opened.timestamp - 1 } },
      { epoch: { ...facts.epoch, openedAt: facts.epoch.openedAt - 1 } },
    ]
    for (const change of changes) {
      const ids = await links(altered({ facts: { ...facts, ...change } }), later)
      expect(ids, JSON.stringify(change)).toContain('proof/facts/same')
    }
  })
  it('when its ledger facts are not those of the caller', async () => {
    const changes: ((facts: LedgerFacts) => void)[] = [
      (own) => (own.chainId = 1),
      (own) => (own.registry = '0x00'),
      (own) => (own.block.hash = other),
      (own) => (own.block.number = 39),
      (own) => (own.epoch.seed = other),
      (own) => (own.epoch.number = 6),
      (own) => (own.referenceValues = []),
      (own) => (own.referenceValues[0]!.release = '0.2.0'),
      (own) => (own.referenceValues[0]!.status = 'grace'),
      (own) => (own.entries = own.entries.slice(1)),
      (own) => (own.entries.at(-1)!.version = 7),
      (own) => (own.entries[1]!.status = 'current'),
      (own) => (own.nodes = []),
      (own) => (own.nodes[0]!.operator = '0x00'),
      (own) => (own.nodes[0]!.ekDigest = other),
      (own) => (own.nodes[0]!.status = 'upgrading'),
      (own) => (own.nodes[0]!.statusSince = 3),
    ]
    for (const change of changes) {
      const ids = await links(sample.bytes, { ...known, facts: factsWith(change) })
      expect(ids, String(change)).toEqual(['proof/facts/same'])
    }
  })
})
