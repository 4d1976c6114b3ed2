import { beforeAll, describe, expect, it } from 'vitest'
import { swtpm } from '../../vectors/swtpm.ts'
import { encodeBundle, encodeClaims } from '../encode.ts'
import {
  type Claims,
  concatBytes,
  digestOf,
  EntryKind,
  encodeCbor,
  encodeGrants,
  type LedgerFacts,
  leafInput,
  type NodeId,
  type ProofBundle,
  type ProofExpectation,
  parseBundle,
  type Reason,
  renderVerdict,
  sha256,
  toHex,
  utf8,
  verifyProof,
} from '../index.ts'
import { promiseParser } from '../parser.behavior.ts'
import { makeSampleProof, REQUEST, RESPONSE, SALT, type SampleProof } from './sample-proof.fixture.ts'

const other = toHex(sha256(utf8('other')))
let sample: SampleProof
let known: ProofExpectation

beforeAll(async () => {
  sample = await makeSampleProof()
  known = { request: REQUEST, response: RESPONSE, facts: sample.facts }
})

function flatten(reasons: readonly Reason[]): Reason[] {
  return reasons.flatMap((reason) => [reason, ...flatten(reason.because ?? [])])
}

async function failures(bytes: Uint8Array, expected: ProofExpectation = known): Promise<string[]> {
  const verdict = await verifyProof(bytes, expected)
  expect(verdict.tier).not.toBe('affirming')
  return flatten(verdict.reasons)
    .filter(({ status, because }) => status === 'fail' && !because)
    .map(({ id }) => id)
}

function placeOf(bytes: Uint8Array, part: Uint8Array): number {
  return bytes.findIndex((_, at) => part.every((byte, i) => bytes[at + i] === byte))
}

const altered = (change: Partial<ProofBundle>) => encodeBundle({ ...sample.bundle, ...change })

function factsWith(change: (facts: LedgerFacts) => void): LedgerFacts {
  const facts = structuredClone(sample.facts)
  change(facts)
  return facts
}

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
      const { issue, facts } = await makeSampleProof([actor])
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
  it('does not verify with a single byte changed', async () => {
    // Evidence and policy are long and held by one digest each: there a sample of their bytes will do.
    const { evidence, policy } = sample.bundle
    const sparse = [evidence, policy].map((part) => {
      const start = placeOf(sample.bytes, part)
      return [start, start + part.length] as const
    })
    for (let at = 0; at < sample.bytes.length; at++) {
      if (at % 32 > 0 && sparse.some(([start, end]) => at >= start && at < end)) continue
      const bytes = sample.bytes.slice()
      bytes[at]! ^= 1 << (at % 8)
      const { tier } = await verifyProof(bytes, { facts: sample.facts })
      expect(tier, `byte ${at}`).not.toBe('affirming')
    }
  }, 120_000)
})

describe('reading a bundle', () => {
  const form = ['cbor/malformed', 'proof/bundle-malformed']
  it.each<[string, (map: Map<string, unknown>) => void]>([
    ['another version', (map) => map.set('v', 2)],
    ['a missing part', (map) => map.delete('salt')],
    ['a part nobody knows', (map) => map.set('more', 1)],
    ['a short salt', (map) => map.set('salt', SALT.subarray(1))],
    ['facts of another form', (map) => map.set('facts', [])],
  ])('refuses %s', async (_, change) => {
    const { claims, salt, receipt, evidence, policy } = sample.bundle
    const facts = { obtained: 'one-endpoint', chain: [], block: [], epoch: [], values: [], entries: [], nodes: [] }
    const map = new Map<string, unknown>(Object.entries({ v: 1, claims, salt, receipt, evidence, policy, facts }))
    change(map)
    const bytes = encodeCbor(map as never)
    expect(() => parseBundle(bytes)).toThrow(expect.objectContaining({ code: 'proof/bundle-malformed' }))
    expect(await failures(bytes)).toEqual(['proof/form'])
  })
  it('gives a verdict of none, and no claims, for anything unreadable', async () => {
    for (const bytes of [new Uint8Array(), utf8('no proof'), sample.bytes.subarray(1), sample.bytes.subarray(0, -1)]) {
      expect(await verifyProof(bytes, known)).toMatchObject({ tier: 'none', outcome: 'silence', claims: null })
    }
    expect(await failures(concatBytes(sample.bytes, Uint8Array.of(0)))).toEqual(['proof/form'])
  })
  describe('by the rules of parsers', async () => {
    promiseParser(parseBundle, { valid: (await makeSampleProof()).bytes, codes: form })
  })
})

describe('a proof is refused', () => {
  const links = async (bytes: Uint8Array, expected?: ProofExpectation) => {
    const ids = await failures(bytes, expected)
    return ids.filter((id) => id.startsWith('proof/'))
  }
  it('for another request, actor or operation', async () => {
    for (const change of [{ payload: utf8('World') }, { operation: 'greet2' }, { actor: 'hello2' }]) {
      const expected = { ...known, request: { ...REQUEST, ...change } }
      expect(await links(sample.bytes, expected)).toEqual(['proof/request'])
    }
  })
  it('for another result or outcome', async () => {
    for (const change of [{ payload: utf8('hello, World') }, { outcome: 'actor/trapped' }]) {
      const expected = { ...known, response: { ...RESPONSE, ...change } }
      expect(await links(sample.bytes, expected)).toEqual(['proof/response'])
    }
  })
  it('with another salt', async () => {
    expect(await links(altered({ salt: SALT.toReversed() }))).toEqual(['proof/signature'])
  })
  it('with the receipt of another leaf', async () => {
    const receipt = await sample.receiptFor(leafInput(SALT, utf8('another result')))
    expect(await links(altered({ receipt }))).toEqual(['proof/signature'])
  })
  it('with a receipt signed by another key', async () => {
    const stranger = await makeSampleProof()
    const { salt, claims } = sample.bundle
    const receipt = await stranger.receiptFor(leafInput(salt, claims))
    expect(await links(altered({ receipt }))).toContain('proof/signature')
  })
  it('with the evidence of another run or node', async () => {
    const stranger = await makeSampleProof()
    const ids = await links(altered({ evidence: stranger.bundle.evidence }))
    expect(ids).toEqual(expect.arrayContaining(['proof/signature', 'proof/evidence', 'proof/run', 'proof/node']))
  })
  it('when the claims name another node, run, evidence or a block before the evidence', async () => {
    const cases: [Partial<Claims>, string][] = [
      [{ node: other }, 'proof/node'],
      [{ run: other }, 'proof/run'],
      [{ evidence: other }, 'proof/evidence'],
      [{ block: { number: 39, hash: other } }, 'proof/block'],
      [{ block: { number: 40, hash: other } }, 'proof/block'],
    ]
    for (const [change, id] of cases) expect(await links(await sample.issue(change))).toEqual([id])
  })
  it('when the actor, its bytes or its capabilities are not those measured', async () => {
    const { actor } = sample.claims
    const cases: Partial<Claims>[] = [
      { capabilities: ['kv.read', 'kv.write'] },
      { capabilities: [] },
      { actor: { ...actor, name: 'key-value' } },
      { actor: { ...actor, sha256: other } },
    ]
    for (const change of cases) {
      const expected = { ...known, request: undefined } as never
      expect(await links(await sample.issue(change), expected)).toContain('proof/actor')
    }
    expect(await links(await sample.issue({ actor: { ...actor, version: 2 } }))).toEqual(['proof/version'])
  })
  it('when the actor is revoked', async () => {
    const { facts } = sample.bundle
    const entries = facts.entries.map((entry) => ({
      ...entry,
      status: entry.name === 'hello' ? 'revoked' : entry.status,
    }))
    expect(await links(altered({ facts: { ...facts, entries } as never }), {})).toEqual(['proof/revoked'])
  })
  it('when it claims more assurance than its evidence is worth', async () => {
    const bytes = await sample.issue({ assurance: { integrity: 'measured', confidentiality: 'none' } })
    expect(await links(bytes)).toEqual(['proof/assurance'])
  })
  it('when its place in the log is before the quote, or in another log', async () => {
    const leaf = leafInput(sample.bundle.salt, sample.bundle.claims)
    for (const change of [{ sequence: 3 }, { log: 2 }, { index: 3 }]) {
      expect(await links(altered({ receipt: await sample.receiptFor(leaf, change) }))).toEqual(['proof/order'])
    }
  })
  it('when its checkpoint is of another run or node', async () => {
    const leaf = leafInput(sample.bundle.salt, sample.bundle.claims)
    const [run, node] = [{ run: other }, { node: other as NodeId }]
    expect(await links(altered({ receipt: await sample.receiptFor(leaf, run) }))).toEqual(['proof/run'])
    expect(await links(altered({ receipt: await sample.receiptFor(leaf, node) }))).toEqual(['proof/node'])
  })
  it('when its evidence does not stand up', async () => {
    const { facts } = sample.bundle
    const entries = facts.entries.slice(0, 3)
    const gone = await verifyProof(altered({ facts: { ...facts, entries } }))
    expect(gone.tier).toBe('none')
    expect(gone.reasons.find(({ id }) => id === 'proof/appraisal')?.status).toBe('fail')
    const seed = altered({ facts: { ...facts, epoch: { ...facts.epoch, seed: other } } })
    const stale = await verifyProof(seed)
    expect(stale).toMatchObject({ tier: 'none', outcome: 'silence' })
    expect(flatten(stale.reasons).find(({ id }) => id === 'quote/nonce')?.status).toBe('fail')
    const without = altered({
      facts: { ...facts, entries: facts.entries.filter(({ version, kind }) => kind !== 4 || version !== 1) },
    })
    expect(await verifyProof(without)).toMatchObject({ tier: 'contraindicated', outcome: 'mismatch' })
  })
  it('when the actor was measured only after the quote', async () => {
    const actor = { kind: EntryKind.actor, name: 'late', sha256: other, grants: encodeGrants(['kv.read']) }
    const change = { actor: { name: 'late', version: 1, sha256: other } }
    const before = await makeSampleProof([actor])
    expect(await verifyProof(await before.issue(change), { facts: before.facts })).toMatchObject({ tier: 'affirming' })
    const after = await makeSampleProof([actor], true)
    expect(await links(await after.issue(change), { facts: after.facts })).toContain('proof/actor')
  })
  it('when it brings a policy that neither the caller nor the ledger has', async () => {
    const entries = sample.bundle.facts.entries.filter(({ name }) => name !== 'appraisal')
    const bytes = altered({ facts: { ...sample.bundle.facts, entries } })
    expect(await links(bytes, {})).toEqual(['proof/policy'])
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
    ]
    for (const change of changes) {
      const ids = await links(sample.bytes, { ...known, facts: factsWith(change) })
      expect(ids, String(change)).toEqual(['proof/facts/same'])
    }
  })
})
