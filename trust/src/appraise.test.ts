import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { swtpm } from '../vectors/swtpm.ts'
import { expectEachBit, failureOf } from './appraise/altered.fixture.ts'
import { encodeEvidence, encodeLogRecord } from './encode.ts'
import {
  type AppraisalExpectation,
  type AppraisalOptions,
  appraise,
  concatBytes,
  createKnownLog,
  digestOf,
  EntryKind,
  type Evidence,
  epochNonce,
  fromHex,
  type Hex,
  type LedgerEntry,
  type LedgerFacts,
  type LogRecord,
  type NodeRecord,
  type Policy,
  parseEventLog,
  parseEvidence,
  parsePolicy,
  qualifyingData,
  type Reason,
  type ReferenceValue,
  replayEventLog,
  runDigest,
  sha256,
  type TeapotError,
  teeReportData,
  toHex,
  utf8,
  type Verdict,
} from './index.ts'
import { renderVerdict } from './verdict.ts'

const evidence = parseEvidence(swtpm.evidence)
const { quote, nonce, keys, pcrs } = evidence
const policy = parsePolicy(swtpm.policy)
const facts = swtpm.facts()
const records = parseEventLog(evidence.log)
const other: Hex = toHex(sha256(utf8('other')))
const { actor, provider } = EntryKind

/** What is changed of an honest appraisal. */
interface Change {
  evidence?: Partial<Evidence>
  expected?: Partial<AppraisalExpectation>
  policy?: Partial<Policy>
  options?: AppraisalOptions
  facts?: Partial<LedgerFacts>
  block?: Partial<LedgerFacts['block']>
  epoch?: Partial<LedgerFacts['epoch']>
  node?: Partial<NodeRecord>
  release?: Partial<ReferenceValue>
  /** Of the last entry of its kind. */
  entries?: Record<number, Partial<LedgerEntry>>
}

const of = (evidence: Partial<Evidence>): Change => ({ evidence })

function given(change: Change) {
  const changed = swtpm.facts()
  for (const part of ['block', 'epoch'] as const) Object.assign(changed[part], change[part])
  Object.assign(changed.nodes[0]!, change.node)
  Object.assign(changed.referenceValues[0]!, change.release)
  for (const [kind, entry] of Object.entries(change.entries ?? {})) {
    Object.assign(changed.entries.findLast((one) => one.kind === Number(kind))!, entry)
  }
  const expected = { node: evidence.node, nonce: epochNonce(facts.epoch.seed, 7, evidence.node), peerKey: keys.peer }
  return [
    ...([
      { ...evidence, ...change.evidence },
      { ...expected, ...change.expected },
    ] as const),
    ...([Object.assign(changed, change.facts), { ...policy, ...change.policy }] as const),
  ] as const
}

/** The verdict on changed evidence; each failed reason in it tells all four. */
async function appraiseWith(change: Change = {}): Promise<Verdict> {
  const verdict = await appraise(...given(change), change.options)
  for (const reason of failedLeaves(verdict.reasons)) failureOf([reason])
  return verdict
}

function failedLeaves(reasons: readonly Reason[]): Reason[] {
  return reasons.flatMap((reason) =>
    reason.status !== 'fail' ? [] : reason.because ? failedLeaves(reason.because) : [reason],
  )
}
const failedIds = ({ reasons }: Verdict) => failedLeaves(reasons).map(({ id }) => id)

function find(reasons: readonly Reason[], id: string): Reason | undefined {
  for (const reason of reasons) {
    const found = reason.id === id ? reason : find(reason.because ?? [], id)
    if (found) return found
  }
  return undefined
}

function logOf(some: readonly LogRecord[]): Uint8Array {
  return concatBytes(...some.map(({ pcr, content }, i) => encodeLogRecord(i, pcr, content)))
}

/** The last entry once more, altered: of what was read before, a part is compared and not hashed. */
const again = (alter: (record: Uint8Array) => [Uint8Array, number[]]): Change => {
  const [begin, end] = alter(encodeLogRecord(records.length, 13, records.at(-1)!.content))
  return of({ log: concatBytes(evidence.log, begin, Uint8Array.from(end)) })
}
const cut = { log: logOf(records.slice(0, 5)) }
const longer = { log: concatBytes(evidence.log, encodeLogRecord(records.length, 13, utf8('what nobody knows'))) }

describe('appraising honest evidence', () => {
  it('affirms it, whole, with its boot and run; simulated evidence is worth nothing', async () => {
    const verdict = await appraiseWith()
    expect(verdict).toMatchObject({ tier: 'affirming', outcome: 'affirm', run: runDigest(keys) })
    expect(verdict.boot).toBeGreaterThan(0)
    expect(failedIds(verdict)).toEqual([])
    expect(verdict.summary).toContain('release 0.1.0')
    expect(verdict.assurance).toEqual({ integrity: 'none', confidentiality: 'none' })
    expect(find(verdict.reasons, 'platform')).toMatchObject({ status: 'unchecked' })
  })
  it('names each measured entry', async () => {
    const shown = renderVerdict(await appraiseWith())
    for (const name of ['policy appraisal 1', 'provider key-value 2', 'actor hello 1']) expect(shown).toContain(name)
    expect(shown).not.toContain('✘')
  })
  it('ignores entries that are newer than the quote', async () => {
    const verdict = await appraiseWith({ evidence: longer })
    expect(verdict.outcome).toBe('affirm')
    expect(find(verdict.reasons, 'log/replay')?.found).toBe('6 entries, 1 newer than the quote')
  })
  const [, , second] = facts.entries as [LedgerEntry, LedgerEntry, LedgerEntry]
  const again = [...facts.entries.with(2, { ...second, status: 'superseded' }), { ...second, version: 3 }]
  const as = (kind: number, status: LedgerEntry['status']): Change => ({ entries: { [kind]: { status } } })
  const manifest = { name: 'app/guestbook', status: 'revoked' } as const
  it.each<[string, Change]>([
    ['an actor that was superseded: it is refused at a call, and taints nobody', as(actor, 'superseded')],
    ['an actor that was revoked', as(actor, 'revoked')],
    ['an actor in grace', as(actor, 'grace')],
    ["an app's manifest that was revoked: it is its publisher's", { entries: { [EntryKind.policy]: manifest } }],
    ['the later of two versions that are the same bytes', { facts: { entries: again } }],
    ['a release in grace', { release: { status: 'grace' } }],
    ['a provider in grace', as(provider, 'grace')],
  ])('takes %s', async (_, change) => {
    expect((await appraiseWith(change)).outcome).toBe('affirm')
  })
  it('leaves open what it could not check, and checks it when told more', async () => {
    const later = { block: { number: 50, hash: other } }
    const without = await appraiseWith({ ...later, expected: { peerKey: undefined } as never })
    const knownBlocks = new Map([[40, facts.block.hash]])
    const told = await appraiseWith({ ...later, options: { knownBlocks, activated: true } })
    expect(without.outcome).toBe('affirm')
    for (const id of ['quote/block', 'quote/peer', 'endorsement/activation']) {
      expect([without, told].map(({ reasons }) => find(reasons, id)?.status)).toEqual(['unchecked', 'pass'])
    }
  })
  it('finds the same whatever was known of the log before', async () => {
    const changes: Change[] = [{}, { evidence: cut }, { evidence: longer }, of({ log: new Uint8Array(9) })]
    for (const change of [...changes, { release: { status: 'revoked' } } as const]) {
      const verdict = await appraiseWith(change)
      for (let count = 0; count <= records.length; count++) {
        const known = createKnownLog()
        known.read(logOf(records.slice(0, count)))
        known.quotedPrefix(replayEventLog(records.slice(0, count)))
        expect(await appraise(...given(change), { known })).toEqual(verdict)
      }
    }
  })
})

describe('appraising evidence that proves nothing is silence:', () => {
  const knownBlocks = new Map([[40, other]])
  const tpm: Change = { evidence: { type: 'tpm' }, policy: { types: ['tpm'] } }
  it.each<[string, string, Change]>([
    ['a type that the policy does not take', 'type', { policy: { types: ['tpm'] } }],
    ['another type than its chain is for', 'endorsement/chain', tpm],
    ['another node than was asked', 'identity/asked', { expected: { node: other } }],
    ['an AK that is not restricted', 'identity/ak', of({ ak: swtpm.publics.unrestricted })],
    ['an AK that is no key', 'identity/ak', of({ ak: new Uint8Array(3) })],
    ["a node id that is not its AK's", 'identity/name', of({ node: other })],
    ['a node that is not registered', 'identity/registered', { facts: { nodes: [] } }],
    ['an AK that is not the registered one', 'identity/registered', { node: { akX: other } }],
    ['another y than the registered one', 'identity/registered', { node: { akY: other } }],
    ['another operator', 'identity/operator', { node: { operator: facts.registry } }],
    ['another EK certificate', 'endorsement/certificate', of({ ek: [swtpm.ekRsa, swtpm.issuer] })],
    ['no EK certificate', 'endorsement/certificate', of({ ek: [] })],
    ['an EK certificate without its issuer', 'endorsement/chain', of({ ek: [swtpm.ekP384] })],
    ['a chain not valid yet', 'endorsement/chain', { block: { timestamp: 1 } }],
    ['a chain to another root', 'endorsement/chain', { policy: { ekRoots: [['tpm-simulated', swtpm.issuer]] } }],
    ['a quote that cannot be read', 'quote/form', of({ quote: { ...quote, attest: new Uint8Array(9) } })],
    ['an attestation that is no quote', 'quote/form', of({ quote: swtpm.quotes.certify })],
    ['a signature by another key', 'quote/signature', of({ quote: swtpm.quotes.p384 })],
    ['a signature of other bytes', 'quote/signature', of({ quote: { ...swtpm.quotes.wide, attest: quote.attest } })],
    ['a signature that cannot be read', 'quote/signature', of({ quote: { ...quote, signature: new Uint8Array(9) } })],
    ['another nonce', 'quote/nonce', { expected: { nonce: other } }],
    ['another epoch', 'quote/epoch', { epoch: { number: 8 } }],
    ['another chain', 'quote/chain', { facts: { chainId: 1 } }],
    ['another registry', 'quote/chain', { facts: { registry: evidence.operator } }],
    ['a block to come', 'quote/block', { block: { number: 39 } }],
    ['a block that is not on this chain', 'quote/block', { block: { hash: other } }],
    ['an older block that is not on this chain', 'quote/block', { block: { number: 41 }, options: { knownBlocks } }],
    [
      'a quote that does not bind its epoch nonce',
      'quote/binding',
      { ...of({ nonce: other }), expected: { nonce: other } },
    ],
    ['a quote that does not bind its run keys', 'quote/binding', of({ keys: { ...keys, seal: keys.peer } })],
    [
      'a quote that does not bind its checkpoint',
      'quote/binding',
      of({ checkpoint: { ...evidence.checkpoint, size: 9 } }),
    ],
    ['a quote over further PCRs', 'quote/selection', of({ quote: swtpm.quotes.wide })],
    ['a further PCR value', 'quote/selection', of({ pcrs: { ...pcrs, 14: other } })],
    ['a PCR value left out', 'quote/selection', of({ pcrs: { 12: pcrs[12]! } })],
    ['PCR values that are not the quoted ones', 'quote/values', of({ pcrs: { ...pcrs, 13: other } })],
    ['another peer than was dialled', 'quote/peer', { expected: { peerKey: other } }],
    ['a log that cannot be read', 'log/form', of({ log: evidence.log.subarray(1) })],
    ['an entry that stands there again, and is empty', 'log/form', again((record) => [record.slice(0, -107), [0x40]])],
    ['an entry that stands there again, cut short', 'log/form', again((record) => [record.slice(0, -1), []])],
    ['an entry that stands there again, cut in its digest', 'log/form', again((record) => [record.slice(0, 12), []])],
    ['an entry that stands there again, its end altered', 'log/form', again((record) => [record.slice(0, -1), [9]])],
  ])('%s', async (_, id, change) => {
    const verdict = await appraiseWith(change)
    expect(verdict).toMatchObject({ tier: 'none', outcome: 'silence' })
    expect(failedIds(verdict)).toContain(id)
    expect(renderVerdict(verdict)).toContain('✘')
  })
})

describe('appraising a machine that ran something else is a mismatch:', () => {
  const withActor = (entry: Partial<LedgerEntry>): Change => ({ entries: { [actor]: entry } })
  const published = withActor({ status: 'published' })
  const granted = /found actor \w+ with grants that the ledger never gave it, sha256 0x/
  it.each<[string, RegExp, Change, string?]>([
    ['a log with an entry left out', /after all 5 entries/, of(cut), 'log/replay'],
    ['an empty log', /after all 0 entries/, of({ log: new Uint8Array() }), 'log/replay'],
    ['a runtime never registered', /runtime sha256 0x/, { facts: { referenceValues: [] } }, 'runtime/registered'],
    ['an actor with more grants than the ledger gave it', granted, withActor({ digest: other })],
    ['an actor that the ledger never held', /of an unknown name, s/, { facts: { entries: facts.entries.slice(0, 3) } }],
    ['an actor that was published but never approved', /found actor hello, sha256 0x/, published],
    ['an actor with other bytes', /found actor hello, sha256 0x/, withActor({ digest: other, sha256: other })],
    ['a runtime image among what was provisioned', /found/, withActor({ kind: EntryKind.runtime })],
    ['a page among what was provisioned', /found/, withActor({ kind: EntryKind.page })],
    ['even when its release is revoked besides', /found/, { release: { status: 'revoked' }, ...published }],
  ])('%s', async (_, summary, change, id = 'provisioned/entry') => {
    const verdict = await appraiseWith(change)
    expect(verdict).toMatchObject({ tier: 'contraindicated', outcome: 'mismatch' })
    expect(verdict.summary).toMatch(summary)
    expect(failedIds(verdict).filter((failed) => failed !== 'runtime/current')).toEqual([id])
  })
})

describe('appraising a machine that fell behind is silence, until it caught up:', () => {
  it.each([
    ['superseded', 'warning'],
    ['revoked', 'contraindicated'],
  ] as const)('a release that was %s gives %s', async (status, tier) => {
    const verdict = await appraiseWith({ release: { status } })
    expect(verdict).toMatchObject({ outcome: 'silence', tier })
    expect(failedIds(verdict)).toEqual(['runtime/current'])
    expect(verdict.summary).toContain(`0.1.0, ${status} since block 3`)
  })
  it.each(['provider', 'policy'] as const)('a %s whose last version is no longer current', async (kind) => {
    for (const status of ['superseded', 'revoked'] as const) {
      const verdict = await appraiseWith({ entries: { [EntryKind[kind]]: { status } } })
      expect(verdict).toMatchObject({ outcome: 'silence', tier: 'warning' })
      expect(failedIds(verdict)).toEqual(['provisioned/status'])
      expect(verdict.summary).toContain(`found ${kind}`)
    }
  })
})

describe('what is beneath the launcher', () => {
  const shown = {
    platform: { firmware: utf8('firmware'), ima: utf8('ima') },
    tee: { kind: 'tdx', report: utf8('report'), collateral: utf8('collateral') },
  } as const
  const asked: unknown[] = []
  /** Appraisers that find what they are told to, and tell what they were asked. */
  const by = (measured: boolean, enclave: boolean): AppraisalOptions => ({
    platform: (...given) => {
      asked.push(given)
      return { measured, reason: finding('platform', measured) }
    },
    tee: [
      {
        kind: 'tdx',
        async appraise(...given) {
          asked.push(given)
          return { enclave, reason: finding('tee', enclave) }
        },
      },
    ],
  })
  const finding = (id: string, holds: boolean): Reason => {
    const told = { expected: 'another', found: 'this', source: 'the references', fix: 'take another' }
    return { id, title: id, status: holds ? 'pass' : 'fail', ...(!holds && told) }
  }
  const real = {
    evidence: { ...shown, type: 'tpm' } as const,
    policy: { types: ['tpm'], ekRoots: [['tpm', swtpm.root]] } as const,
  }

  it('makes a measurement worth something, and an enclave more', async () => {
    const { platform, tee } = by(true, true)
    const measured = await appraiseWith({ ...real, options: { platform: platform! } })
    expect(measured.assurance).toEqual({ integrity: 'measured', confidentiality: 'none' })
    const enclave = await appraiseWith({ ...real, options: { tee: tee! } })
    expect(enclave.assurance).toEqual({ integrity: 'enclave', confidentiality: 'enclave' })
    const data = await teeReportData(evidence, qualifyingData(evidence))
    expect(asked).toContainEqual([shown.platform, evidence.pcrs])
    expect(asked).toContainEqual([shown.tee, data, facts.block.timestamp])
  })
  it('is worth nothing where it is simulated, not shown, or not appraised', async () => {
    const changes: Change[] = [
      { evidence: shown, options: by(true, true) },
      { ...real, evidence: { type: 'tpm' }, options: by(true, true) },
      real,
      { ...real, options: { tee: [{ ...by(true, true).tee![0]!, kind: 'nitro' }] } },
    ]
    for (const change of changes) {
      const verdict = await appraiseWith(change)
      expect(verdict).toMatchObject({ tier: 'affirming', assurance: { integrity: 'none', confidentiality: 'none' } })
    }
  })
  it.each([
    ['platform', by(false, true)],
    ['tee', by(true, false)],
  ])('refuses the whole where the %s is shown and does not hold, and slashes nobody', async (id, options) => {
    const verdict = await appraiseWith({ ...real, options })
    expect(verdict).toMatchObject({ tier: 'contraindicated', outcome: 'silence', fix: 'take another' })
    expect(verdict.assurance).toEqual({ integrity: 'none', confidentiality: 'none' })
    expect(failedIds(verdict)).toEqual([id])
  })
})

describe('a verdict', () => {
  it('names the policy, and ends when its epoch is no longer fresh', async () => {
    const expires = facts.epoch.openedAt + policy.freshSeconds
    const last = await appraiseWith({ block: { timestamp: expires } })
    expect(last).toMatchObject({ policy: digestOf(swtpm.policy), expires, tier: 'affirming' })
    const stale = await appraiseWith({ block: { timestamp: expires + 1 } })
    expect(stale.tier).toBe('none')
    expect(failedIds(stale)).toEqual(['freshness'])
    expect(stale.summary).toMatch(/opened 3601 seconds before block 40/)
  })
  it('on stale facts still votes what the node deserves: a network that stood still ages nobody', async () => {
    const block = { timestamp: facts.block.timestamp + policy.freshSeconds }
    expect(await appraiseWith({ block })).toMatchObject({ tier: 'none', outcome: 'affirm' })
    const cheated = { block, evidence: { log: new Uint8Array() } }
    expect(await appraiseWith(cheated)).toMatchObject({ tier: 'contraindicated', outcome: 'mismatch' })
  })
  it('is the same for the same evidence read again', async () => {
    const again = parseEvidence(encodeEvidence(evidence))
    expect(await appraise(again, { nonce }, facts, policy)).toEqual(await appraise(evidence, { nonce }, facts, policy))
  })
})

describe('appraising altered bytes', () => {
  const { chain, checkpoint, ek } = evidence
  const hex = (value: Hex, put: (value: Hex) => Partial<Evidence>) =>
    [fromHex(value), (bytes: Uint8Array) => put(toHex(bytes))] as const
  type Part = readonly [Uint8Array, (bytes: Uint8Array) => Partial<Evidence>]
  it.each<[string, RegExp, Part, number?]>([
    ['quote', /^quote\/(form|signature)$/, [quote.attest, (attest) => ({ quote: { ...quote, attest } })]],
    ['signature', /^quote\/signature$/, [quote.signature, (signature) => ({ quote: { ...quote, signature } })]],
    ['AK', /^identity\/(ak|name)$/, [evidence.ak, (ak) => ({ ak })]],
    // Each bit of what is signed; of what a digest covers, as many as tell each byte.
    ['log', /^log\/(form|replay)$/, [evidence.log, (log) => ({ log })], 3],
    ['EK certificate', /^endorsement\/(certificate|chain)$/, [ek[0]!, (der) => ({ ek: ek.with(0, der) })], 9],
    ["issuer's certificate", /^endorsement\/chain$/, [ek[1]!, (der) => ({ ek: ek.with(1, der) })], 9],
    ['node', /^identity\/name$/, hex(evidence.node, (node) => ({ node }))],
    ['operator', /^identity\/operator$/, hex(evidence.operator, (operator) => ({ operator }))],
    ['nonce', /^quote\/nonce$/, hex(nonce, (nonce) => ({ nonce }))],
    ['registry', /^quote\/chain$/, hex(chain.registry, (registry) => ({ chain: { ...chain, registry } }))],
    ['receipt key', /^quote\/binding$/, hex(keys.receipt, (receipt) => ({ keys: { ...keys, receipt } }))],
    ['seal key', /^quote\/binding$/, hex(keys.seal, (seal) => ({ keys: { ...keys, seal } }))],
    ['peer key', /^quote\/binding$/, hex(keys.peer, (peer) => ({ keys: { ...keys, peer } }))],
    ['checkpoint', /^quote\/binding$/, hex(checkpoint.root, (root) => ({ checkpoint: { ...checkpoint, root } }))],
    ['R', /^quote\/values$/, hex(pcrs[12]!, (r) => ({ pcrs: { ...pcrs, 12: r } }))],
    ['C', /^quote\/values$/, hex(pcrs[13]!, (c) => ({ pcrs: { ...pcrs, 13: c } }))],
  ])(
    'refuses each bit of the %s, by a reason of it',
    async (_, ids, [bytes, put], step = 1) => {
      const idOf = async (altered: Uint8Array) =>
        failureOf((await appraise({ ...evidence, ...put(altered) }, { nonce }, facts, policy)).reasons)?.id
      await expectEachBit({ bytes, step }, idOf, ids)
    },
    120_000,
  )
  it('never affirms evidence in which a single bit was flipped', async () => {
    const outcomeOf = async (bytes: Uint8Array) => {
      try {
        return (await appraise(parseEvidence(bytes), { nonce }, facts, policy)).outcome
      } catch (error) {
        return (error as TeapotError).code
      }
    }
    await expectEachBit({ bytes: swtpm.evidence, step: 31 }, outcomeOf, /^(silence|mismatch|evidence\/malformed)$/)
  })
  it('never throws, whatever its parts are', async () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const ek = fc.array(bytes, { maxLength: 2 })
    const parts = fc.record({ ak: bytes, log: bytes, ek, attest: bytes, signature: bytes })
    await fc.assert(
      fc.asyncProperty(parts, async ({ attest, signature, ...rest }) => {
        const verdict = await appraiseWith({ evidence: { ...rest, quote: { attest, signature } } })
        expect(verdict.outcome).toBe('silence')
      }),
    )
  })
})
