import { describe, expect, it } from 'vitest'
import { swtpm } from '../../vectors/swtpm.ts'
import { type AppraisalOptions, qualifyingData, type Reason, teeReportData, utf8 } from '../index.ts'
import { appraiseWith, type Change, evidence, facts, failedIds } from './appraisal.fixture.ts'

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
