import { describe, expect, it } from 'vitest'
import { appraise, EntryKind, type LedgerEntry } from '../index.ts'
import {
  actor,
  appraiseWith,
  type Change,
  cut,
  evidence,
  facts,
  failedIds,
  logOf,
  of,
  other,
  policy,
  records,
} from './appraisal.fixture.ts'

const { nonce } = evidence

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
  it('a log that has in R what was seen in C before', async () => {
    const log = logOf(records.with(-1, { ...records.at(-1)!, pcr: 12 }))
    const verdictOn = (log: Uint8Array) => appraise({ ...evidence, log }, { nonce }, facts, policy)
    expect((await verdictOn(evidence.log)).outcome).toBe('affirm')
    const verdict = await verdictOn(log)
    expect([verdict.outcome, ...failedIds(verdict)]).toEqual(['mismatch', 'log/replay'])
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
