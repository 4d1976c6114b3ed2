import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { swtpm } from '../../vectors/swtpm.ts'
import { proofAppraisers } from '../appraisers.ts'
import { encodeBundle, encodeClaims, selectFacts } from '../encode.ts'
import {
  type CborValue,
  type Claims,
  concatBytes,
  decodeCbor,
  digestOf,
  EntryKind,
  encodeCbor,
  encodeGrants,
  type LedgerFacts,
  leafInput,
  type ProofBundle,
  type ProofExpectation,
  parseBundle,
  parsePolicy,
  type Reason,
  sha256,
  toHex,
  utf8,
  verifyProof,
} from '../index.ts'
import { promiseParser } from '../parser.behavior.ts'
import { renderVerdict } from '../verdict.ts'
import { makeSampleProof, REQUEST, RESPONSE, SALT, type SampleProof } from './sample-proof.fixture.ts'
import { describeProof } from './view.ts'

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
  it('gives no better verdict, and throws nothing, with any byte changed', async () => {
    const bytes = altered({ confirmation: await sample.confirm(), anchor: sample.anchor })
    const before = await verifyProof(bytes, sample.ledger)
    expect(before).toMatchObject({ tier: 'affirming', standing: { confirmed: true, anchored: { block: 70 } } })
    const said = { claims: before.claims, standing: before.standing }
    let held = 0
    // Evidence and policy are long, and held by a digest or a signature each: there a sample of their bytes will do.
    const { evidence, policy, confirmation } = parseBundle(bytes)
    const sparse = [evidence, policy, confirmation!.evidence].map((part) => {
      const start = placeOf(bytes, part)
      return [start, start + part.length] as const
    })
    const places = [...bytes.keys()].filter(
      (at) => at % 41 === 0 || !sparse.some(([from, to]) => at >= from && at < to),
    )
    const judge = async (at: number) => {
      const changed = bytes.slice()
      changed[at]! ^= 1 << (at % 8)
      const { tier, standing: found, claims } = await verifyProof(changed, sample.ledger)
      if (tier !== 'affirming') return
      // Of the past, not all that the facts say can be compared: what still holds says nothing else than before.
      const standing = { ...found, anchored: found.anchored ?? said.standing.anchored }
      expect({ claims, standing }, `byte ${at}`).toEqual(said)
      held++
    }
    // Side by side, as most of the time is waiting for WebCrypto.
    const work = async () => {
      for (let at = places.pop(); at !== undefined; at = places.pop()) await judge(at)
    }
    await Promise.all(Array.from({ length: 8 }, work))
    expect(held).toBeLessThan(30)
  }, 120_000)
})

/** With this value somewhere deep inside: the steps tell which branch to take. */
function planted(tree: CborValue, value: CborValue, steps: IterableIterator<number>): CborValue {
  const step = steps.next().value
  if (tree instanceof Map && tree.size > 0) {
    const key = [...tree.keys()][step % tree.size]!
    return new Map(tree).set(key, planted(tree.get(key)!, value, steps))
  }
  if (!Array.isArray(tree) || tree.length === 0) return value
  const at = step % tree.length
  return tree.with(at, planted(tree[at]!, value, steps))
}

describe('reading a bundle', () => {
  it('throws nothing, whatever value stands anywhere in it', async () => {
    const whole = altered({ confirmation: await sample.confirm(), anchor: sample.anchor })
    const values = fc.constantFrom<CborValue>(0, 2 ** 32, 2 ** 53 - 1, 2n ** 63n, -1, '', null, new Uint8Array(0), [])
    const property = fc.asyncProperty(fc.infiniteStream(fc.nat()), values, async (steps, value) => {
      const bytes = encodeCbor(planted(decodeCbor(whole), value, steps))
      expect(renderVerdict(await verifyProof(bytes))).toContain(': ')
    })
    await fc.assert(property, { numRuns: 300 })
  })

  const form = ['cbor/malformed', 'proof/bundle-malformed']
  it.each<[string, (map: Map<string, unknown>) => void]>([
    ['another version', (map) => map.set('v', 2)],
    ['a missing part', (map) => map.delete('salt')],
    ['a part nobody knows', (map) => map.set('more', 1)],
    ['a short salt', (map) => map.set('salt', SALT.subarray(1))],
    ['facts of another form', (map) => map.set('facts', [])],
  ])('refuses %s', async (_, change) => {
    const { claims, salt, receipt, evidence, policy } = sample.bundle
    const facts = { obtained: [1, 1], chain: [], block: [], epoch: [], values: [], entries: [], nodes: [] }
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
