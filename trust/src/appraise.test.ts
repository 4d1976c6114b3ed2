import { describe, expect, it } from 'vitest'
import { swtpm } from '../vectors/swtpm.ts'
import {
  actor,
  appraiseWith,
  type Change,
  cut,
  evidence,
  facts,
  failedIds,
  find,
  given,
  logOf,
  longer,
  of,
  other,
  policy,
  provider,
  records,
} from './appraise/appraisal.fixture.ts'
import { encodeEvidence } from './encode.ts'
import {
  appraise,
  createKnownLog,
  digestOf,
  EntryKind,
  type LedgerEntry,
  parseEvidence,
  replayEventLog,
  runDigest,
} from './index.ts'
import { renderVerdict } from './verdict.ts'

const { keys, nonce } = evidence

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
