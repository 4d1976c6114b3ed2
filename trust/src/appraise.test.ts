import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { swtpm } from '../vectors/swtpm.ts'
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
  type Hex,
  type LedgerFacts,
  type LogRecord,
  type Policy,
  parseEventLog,
  parseEvidence,
  parsePolicy,
  qualifyingData,
  type Reason,
  renderVerdict,
  replayEventLog,
  runDigest,
  sha256,
  TeapotError,
  teeReportData,
  toHex,
  utf8,
  type Verdict,
} from './index.ts'

const evidence = parseEvidence(swtpm.evidence)
const policy = parsePolicy(swtpm.policy)
const facts = swtpm.facts()
const records = parseEventLog(evidence.log)
const other: Hex = toHex(sha256(utf8('other')))

interface Change {
  evidence?: Partial<Evidence>
  expected?: Partial<AppraisalExpectation>
  facts?: (facts: LedgerFacts) => void
  policy?: Partial<Policy>
  options?: AppraisalOptions
}

/** The verdict on changed evidence; each failed reason in it tells all four, and what was known of the log before changes nothing. */
async function appraiseWith(change: Change = {}): Promise<Verdict> {
  const changed = swtpm.facts()
  change.facts?.(changed)
  const nonce = epochNonce(facts.epoch.seed, 7, evidence.node)
  const expected = { node: evidence.node, nonce, peerKey: evidence.keys.peer, ...change.expected }
  const given = [{ ...evidence, ...change.evidence }, expected, changed, { ...policy, ...change.policy }] as const
  const verdict = await appraise(...given, change.options)
  for (const reason of failedLeaves(verdict.reasons)) {
    for (const told of ['expected', 'found', 'source', 'fix'] as const) {
      expect(reason[told], `${reason.id} tells ${told}`).toBeTruthy()
    }
  }
  for (let count = 0; count <= records.length; count++) {
    const known = createKnownLog()
    known.read(logOf(records.slice(0, count)))
    known.quotedPrefix(replayEventLog(records.slice(0, count)))
    expect(await appraise(...given, { ...change.options, known })).toEqual(verdict)
  }
  return verdict
}

function failedLeaves(reasons: readonly Reason[]): Reason[] {
  return reasons.flatMap((reason) =>
    reason.status !== 'fail' ? [] : reason.because ? failedLeaves(reason.because) : [reason],
  )
}

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

/** A log with one record left out, renumbered. */
function logWithout(index: number): Uint8Array {
  return logOf(records.filter((_, i) => i !== index))
}

function longerLog(content: Uint8Array): Uint8Array {
  return concatBytes(evidence.log, encodeLogRecord(records.length, 13, content))
}

const entryOf = (from: LedgerFacts, kind: number, version: number) =>
  from.entries.find((entry) => entry.kind === kind && entry.version === version)!

describe('appraising honest evidence', () => {
  it('affirms it, whole, with its boot and run', async () => {
    const verdict = await appraiseWith()
    expect(verdict).toMatchObject({ tier: 'affirming', outcome: 'affirm', run: runDigest(evidence.keys) })
    expect(verdict.boot).toBeGreaterThan(0)
    expect(failedLeaves(verdict.reasons)).toEqual([])
    expect(verdict.summary).toContain('release 0.1.0')
  })
  it('says that simulated evidence is worth nothing', async () => {
    const verdict = await appraiseWith()
    expect(verdict.assurance).toEqual({ integrity: 'none', confidentiality: 'none' })
    expect(find(verdict.reasons, 'platform')).toMatchObject({ status: 'unchecked' })
  })
  it('names each measured entry', async () => {
    const shown = renderVerdict(await appraiseWith())
    for (const name of ['policy appraisal 1', 'provider key-value 2', 'actor hello 1']) expect(shown).toContain(name)
    expect(shown).not.toContain('✘')
  })
  it('ignores entries that are newer than the quote', async () => {
    const verdict = await appraiseWith({ evidence: { log: longerLog(utf8('what nobody knows')) } })
    expect(verdict.outcome).toBe('affirm')
    expect(find(verdict.reasons, 'log/replay')?.found).toBe('6 entries, 1 newer than the quote')
  })
  it('takes an actor that was superseded or revoked: it is refused at a call, and taints nobody', async () => {
    for (const status of ['superseded', 'revoked', 'grace'] as const) {
      const verdict = await appraiseWith({
        facts: (f) => {
          entryOf(f, EntryKind.actor, 1).status = status
        },
      })
      expect(verdict.outcome).toBe('affirm')
    }
  })
  it("takes an app's manifest that was superseded or revoked: it is its publisher's, and taints nobody", async () => {
    const verdict = await appraiseWith({
      facts: (f) => Object.assign(entryOf(f, EntryKind.policy, 1), { name: 'app/guestbook', status: 'revoked' }),
    })
    expect(verdict.outcome).toBe('affirm')
  })
  it('goes by the later of two versions that are the same bytes', async () => {
    const verdict = await appraiseWith({
      facts: (f) => {
        const provider = entryOf(f, EntryKind.provider, 2)
        f.entries.push({ ...provider, version: 3 })
        provider.status = 'superseded'
      },
    })
    expect(verdict.outcome).toBe('affirm')
  })
  it('takes a release and a provider in grace', async () => {
    const verdict = await appraiseWith({
      facts: (f) => {
        f.referenceValues[0]!.status = 'grace'
        entryOf(f, EntryKind.provider, 2).status = 'grace'
      },
    })
    expect(verdict.outcome).toBe('affirm')
  })
  it('leaves open what it could not check, and checks it when told more', async () => {
    const later = (f: LedgerFacts) => void Object.assign(f.block, { number: 50, hash: other })
    const without = await appraiseWith({ facts: later, expected: { peerKey: undefined } as never })
    expect(without.outcome).toBe('affirm')
    for (const id of ['quote/block', 'quote/peer', 'endorsement/activation']) {
      expect(find(without.reasons, id)?.status).toBe('unchecked')
    }
    const knownBlocks = new Map([[40, facts.block.hash]])
    const told = await appraiseWith({ facts: later, options: { knownBlocks, activated: true } })
    for (const id of ['quote/block', 'quote/peer', 'endorsement/activation']) {
      expect(find(told.reasons, id)?.status).toBe('pass')
    }
  })
})

describe('appraising evidence that proves nothing is silence:', () => {
  const silent: [string, string, Change][] = [
    ['a type that the policy does not take', 'type', { policy: { types: ['tpm'] } }],
    [
      'another type than its chain is for',
      'endorsement/chain',
      { evidence: { type: 'tpm' }, policy: { types: ['tpm'] } },
    ],
    ['another node than was asked', 'identity/asked', { expected: { node: other } }],
    ['an AK that is not restricted', 'identity/ak', { evidence: { ak: swtpm.publics.unrestricted } }],
    ['an AK that is no key', 'identity/ak', { evidence: { ak: new Uint8Array(3) } }],
    ["a node id that is not its AK's", 'identity/name', { evidence: { node: other } }],
    [
      'a node that is not registered',
      'identity/registered',
      {
        facts: (f) => {
          f.nodes = []
        },
      },
    ],
    [
      'an AK that is not the registered one',
      'identity/registered',
      {
        facts: (f) => {
          f.nodes[0]!.akX = other
        },
      },
    ],
    [
      'another y than the registered one',
      'identity/registered',
      {
        facts: (f) => {
          f.nodes[0]!.akY = other
        },
      },
    ],
    [
      'another operator',
      'identity/operator',
      {
        facts: (f) => {
          f.nodes[0]!.operator = f.registry
        },
      },
    ],
    ['another EK certificate', 'endorsement/certificate', { evidence: { ek: [swtpm.ekRsa, swtpm.issuer] } }],
    ['no EK certificate', 'endorsement/certificate', { evidence: { ek: [] } }],
    ['an EK certificate without its issuer', 'endorsement/chain', { evidence: { ek: [swtpm.ekP384] } }],
    [
      'a chain not valid yet',
      'endorsement/chain',
      {
        facts: (f) => {
          f.block.timestamp = 1
        },
      },
    ],
    ['a chain to another root', 'endorsement/chain', { policy: { ekRoots: [['tpm-simulated', swtpm.issuer]] } }],
    [
      'a quote that cannot be read',
      'quote/form',
      { evidence: { quote: { ...evidence.quote, attest: new Uint8Array(9) } } },
    ],
    ['an attestation that is no quote', 'quote/form', { evidence: { quote: swtpm.quotes.certify } }],
    ['a signature by another key', 'quote/signature', { evidence: { quote: swtpm.quotes.p384 } }],
    [
      'a signature of other bytes',
      'quote/signature',
      { evidence: { quote: { ...evidence.quote, signature: swtpm.quotes.wide.signature } } },
    ],
    [
      'a signature that cannot be read',
      'quote/signature',
      { evidence: { quote: { ...evidence.quote, signature: new Uint8Array(9) } } },
    ],
    ['another nonce', 'quote/nonce', { expected: { nonce: other } }],
    [
      'another epoch',
      'quote/epoch',
      {
        facts: (f) => {
          f.epoch.number = 8
        },
      },
    ],
    [
      'another chain',
      'quote/chain',
      {
        facts: (f) => {
          f.chainId = 1
        },
      },
    ],
    [
      'another registry',
      'quote/chain',
      {
        facts: (f) => {
          f.registry = f.nodes[0]!.operator
        },
      },
    ],
    [
      'a block to come',
      'quote/block',
      {
        facts: (f) => {
          f.block.number = 39
        },
      },
    ],
    [
      'a block that is not on this chain',
      'quote/block',
      {
        facts: (f) => {
          f.block.hash = other
        },
      },
    ],
    [
      'an older block that is not on this chain',
      'quote/block',
      {
        facts: (f) => {
          f.block.number = 41
        },
        options: { knownBlocks: new Map([[40, other]]) },
      },
    ],
    [
      'a quote that does not bind its epoch nonce',
      'quote/binding',
      { evidence: { nonce: other }, expected: { nonce: other } },
    ],
    [
      'a quote that does not bind its run keys',
      'quote/binding',
      { evidence: { keys: { ...evidence.keys, seal: evidence.keys.peer } } },
    ],
    [
      'a quote that does not bind its checkpoint',
      'quote/binding',
      { evidence: { checkpoint: { ...evidence.checkpoint, size: 9 } } },
    ],
    ['a quote over further PCRs', 'quote/selection', { evidence: { quote: swtpm.quotes.wide } }],
    ['a further PCR value', 'quote/selection', { evidence: { pcrs: { ...evidence.pcrs, 14: other } } }],
    ['a PCR value left out', 'quote/selection', { evidence: { pcrs: { 12: evidence.pcrs[12]! } } }],
    [
      'PCR values that are not the quoted ones',
      'quote/values',
      { evidence: { pcrs: { 12: evidence.pcrs[12]!, 13: other } } },
    ],
    ['another peer than was dialled', 'quote/peer', { expected: { peerKey: other } }],
    ['a log that cannot be read', 'log/form', { evidence: { log: evidence.log.subarray(1) } }],
  ]
  it.each(silent)('%s', async (_, id, change) => {
    const verdict = await appraiseWith(change)
    expect(verdict).toMatchObject({ tier: 'none', outcome: 'silence' })
    const failed = failedLeaves(verdict.reasons)
    expect(failed.map((reason) => reason.id)).toContain(id)
    expect(renderVerdict(verdict)).toContain('✘')
  })
})

describe('appraising a machine that ran something else is a mismatch:', () => {
  const cheats: [string, string, RegExp, Change][] = [
    ['a log with an entry left out', 'log/replay', /after all 5 entries/, { evidence: { log: logWithout(5) } }],
    ['an empty log', 'log/replay', /after all 0 entries/, { evidence: { log: new Uint8Array() } }],
    [
      'a runtime that was never registered',
      'runtime/registered',
      /runtime sha256 0x/,
      {
        facts: (f) => {
          f.referenceValues = []
        },
      },
    ],
    [
      'an actor with more grants than the ledger gave it',
      'provisioned/entry',
      /found actor \w+ with grants that the ledger never gave it, sha256 0x/,
      {
        facts: (f) => {
          f.entries = f.entries.map((entry) =>
            entry.kind === EntryKind.actor ? { ...entry, digest: `0x${'ab'.repeat(32)}` as const } : entry,
          )
        },
      },
    ],
    [
      'an actor that the ledger never held',
      'provisioned/entry',
      /found actor of an unknown name, sha256 0x/,
      {
        facts: (f) => {
          f.entries = f.entries.filter(({ kind }) => kind !== EntryKind.actor)
        },
      },
    ],
    [
      'an actor that was published but never approved',
      'provisioned/entry',
      /found actor hello, sha256 0x/,
      {
        facts: (f) => {
          entryOf(f, EntryKind.actor, 1).status = 'published'
        },
      },
    ],
    [
      'an actor of a known name with other bytes',
      'provisioned/entry',
      /found actor hello, sha256 0x/,
      {
        facts: (f) => {
          Object.assign(entryOf(f, EntryKind.actor, 1), { digest: other, sha256: other })
        },
      },
    ],
    [
      'a runtime image among what was provisioned',
      'provisioned/entry',
      /found/,
      {
        facts: (f) => {
          entryOf(f, EntryKind.actor, 1).kind = EntryKind.runtime
        },
      },
    ],
    [
      'a page among what was provisioned',
      'provisioned/entry',
      /found/,
      {
        facts: (f) => {
          entryOf(f, EntryKind.actor, 1).kind = EntryKind.page
        },
      },
    ],
  ]
  it.each(cheats)('%s', async (_, id, summary, change) => {
    const verdict = await appraiseWith(change)
    expect(verdict).toMatchObject({ tier: 'contraindicated', outcome: 'mismatch' })
    expect(verdict.summary).toMatch(summary)
    expect(failedLeaves(verdict.reasons).map((reason) => reason.id)).toEqual([id])
  })
  it('even when its release is revoked besides', async () => {
    const verdict = await appraiseWith({
      facts: (f) => {
        f.referenceValues[0]!.status = 'revoked'
        entryOf(f, EntryKind.actor, 1).status = 'published'
      },
    })
    expect(verdict.outcome).toBe('mismatch')
  })
})

describe('appraising a machine that fell behind is silence, until it caught up:', () => {
  it.each([
    ['superseded', 'warning'],
    ['revoked', 'contraindicated'],
  ] as const)('a release that was %s gives %s', async (status, tier) => {
    const verdict = await appraiseWith({
      facts: (f) => {
        f.referenceValues[0]!.status = status
      },
    })
    expect(verdict).toMatchObject({ outcome: 'silence', tier })
    expect(failedLeaves(verdict.reasons).map(({ id }) => id)).toEqual(['runtime/current'])
    expect(verdict.summary).toContain(`0.1.0, ${status} since block 3`)
  })
  it.each([
    ['provider', EntryKind.provider, 2],
    ['policy', EntryKind.policy, 1],
  ] as const)('a %s whose last version is no longer current', async (name, kind, version) => {
    for (const status of ['superseded', 'revoked'] as const) {
      const verdict = await appraiseWith({
        facts: (f) => {
          entryOf(f, kind, version).status = status
        },
      })
      expect(verdict).toMatchObject({ outcome: 'silence', tier: 'warning' })
      expect(failedLeaves(verdict.reasons).map(({ id }) => id)).toEqual(['provisioned/status'])
      expect(verdict.summary).toContain(`found ${name}`)
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
    expect(failedLeaves(verdict.reasons).map((reason) => reason.id)).toEqual([id])
  })
})

describe('a verdict', () => {
  it('names the policy, and ends when its epoch is no longer fresh', async () => {
    const expires = facts.epoch.openedAt + policy.freshSeconds
    expect(await appraiseWith()).toMatchObject({ policy: digestOf(swtpm.policy), expires })
    const at = (timestamp: number) => appraiseWith({ facts: (f) => Object.assign(f.block, { timestamp }) })
    expect((await at(expires)).tier).toBe('affirming')
    const stale = await at(expires + 1)
    expect(stale.tier).toBe('none')
    expect(failedLeaves(stale.reasons).map(({ id }) => id)).toEqual(['freshness'])
    expect(stale.summary).toMatch(/opened 3601 seconds before block 40/)
  })
  it('on stale facts still votes what the node deserves: a network that stood still ages nobody', async () => {
    const late = (f: LedgerFacts) => {
      f.block.timestamp += policy.freshSeconds
    }
    expect(await appraiseWith({ facts: late })).toMatchObject({ tier: 'none', outcome: 'affirm' })
    const cheated = { facts: late, evidence: { log: new Uint8Array() } }
    expect(await appraiseWith(cheated)).toMatchObject({ tier: 'contraindicated', outcome: 'mismatch' })
  })
})

describe('appraising altered bytes', () => {
  it('never affirms evidence in which a single bit was flipped', async () => {
    const nonce = evidence.nonce
    await fc.assert(
      fc.asyncProperty(fc.nat(swtpm.evidence.length * 8 - 1), async (bit) => {
        const bytes = swtpm.evidence.slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(await outcomeOf(bytes, nonce)).not.toBe('affirm')
      }),
      { numRuns: 1000 },
    )
  })
  it('never throws, whatever its parts are', async () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const parts = fc.record({
      ak: bytes,
      log: bytes,
      ek: fc.array(bytes, { maxLength: 2 }),
      attest: bytes,
      signature: bytes,
    })
    await fc.assert(
      fc.asyncProperty(parts, async ({ attest, signature, ...rest }) => {
        const verdict = await appraiseWith({ evidence: { ...rest, quote: { attest, signature } } })
        expect(verdict.outcome).toBe('silence')
      }),
    )
  })
  it('gives the same verdict for the same evidence read again', async () => {
    const again = parseEvidence(encodeEvidence(evidence))
    const nonce = evidence.nonce
    expect(await appraise(again, { nonce }, facts, policy)).toEqual(await appraise(evidence, { nonce }, facts, policy))
  })
})

async function outcomeOf(bytes: Uint8Array, nonce: typeof evidence.nonce): Promise<string> {
  try {
    return (await appraise(parseEvidence(bytes), { nonce }, facts, policy)).outcome
  } catch (error) {
    if (error instanceof TeapotError) return error.code
    throw error
  }
}
