import type { TeeAppraiser } from '../appraise/beneath.ts'
import { check, fail, group, pass, short, unchecked } from '../appraise/reason.ts'
import { type Hex, toHex } from '../bytes.ts'
import { validityProblem } from '../certificate-chain.ts'
import { digestOf } from '../digest.ts'
import { createMemo } from '../memo.ts'
import type { ReferenceValuesDocument, SnpReference } from '../reference-values.ts'
import { attempt, checkReportData, checkSigned, refuse } from '../tee.ts'
import type { Reason } from '../verdict.ts'
import { endorse, refuseEndorsement, type SnpEndorsement, type SnpRoot, TITLES } from './endorsement.ts'
import { parseSnpReport, SNP_POLICY, type SnpReport } from './report.ts'
import { isAtLeast, mapTcb, productOf, type SnpTcb, tcbOf, tcbText } from './tcb.ts'

const REPORT = 'AMD 56860 §7.3, ATTESTATION_REPORT'
const SHOWN = { source: REPORT, fix: 'show report and certificate of one processor and firmware, unaltered' }
const REFERENCES = 'the reference values on the ledger (spec/tee.md §2)'
const NO_HOST_DATA: Hex = `0x${'00'.repeat(32)}`

/** Appraises with these roots: the subpath gives AMD's. Endorsements are remembered by their bytes; time is judged each time. */
export function snpAppraiser(references: ReferenceValuesDocument, roots: readonly SnpRoot[]): TeeAppraiser {
  const expected = references.tees.filter((reference) => reference.kind === 'sev-snp')
  const remember = createMemo<Promise<SnpEndorsement | Reason>>()
  return {
    kind: 'sev-snp',
    async appraise({ report, collateral }, reportData, at) {
      const endorsement = await remember(digestOf(collateral), () => endorse(collateral, roots))
      const because = await appraiseReport(report, endorsement, expected, reportData, at)
      const reason = group('tee', 'An SEV-SNP processor vouches for the machine', because)
      return { reason, enclave: reason.status === 'pass' }
    },
  }
}

async function appraiseReport(
  bytes: Uint8Array,
  endorsement: SnpEndorsement | Reason,
  references: readonly SnpReference[],
  reportData: Uint8Array,
  at: number,
): Promise<Reason[]> {
  const report = attempt('a report', () => parseSnpReport(bytes))
  if ('found' in report) return [refuse('tee/report', 'The report can be read', report, SHOWN)]
  const read = pass('tee/report', 'The report can be read', `version ${report.version}`)
  if ('status' in endorsement) return [read, endorsement]
  const signed = await checkSigned('That key signed bytes 0x000 to 0x29f of the report', endorsement, report, SHOWN)
  const genuine = [read, ...checkValidity(endorsement, at), signed]
  // What nobody vouches for says nothing.
  if (genuine.some(({ status }) => status === 'fail')) return genuine
  return [
    ...genuine,
    checkProcessor(report, endorsement),
    checkReportData(report.reportData, reportData),
    checkGuestPolicy(report),
    checkRollback(report, endorsement),
    checkReferences(report, endorsement, references),
  ]
}

function checkValidity(endorsement: SnpEndorsement, at: number): Reason[] {
  const { list, product, signer } = endorsement
  const late = validityProblem(endorsement, at)
  const stale = list && validityProblem(list, at)
  const title = TITLES['tee/revocation']
  const revocation = list ? pass('tee/revocation', title) : unchecked('tee/revocation', title, 'no list was shown')
  return [
    late ? refuseEndorsement('tee/chain', late) : pass('tee/chain', TITLES['tee/chain'], `${signer} of ${product}`),
    stale ? refuseEndorsement('tee/revocation', stale) : revocation,
  ]
}

/** Kind of key, product, processor and firmware: what AMD's certificate says against what the report says. */
function checkProcessor(report: SnpReport, { signer, product, chipId, tcb }: SnpEndorsement): Reason {
  const reported = tcbOf(report.tcb.reported, product)
  const say = (kind: string, of: string | undefined, chip: Uint8Array | undefined, versions: SnpTcb) =>
    [kind, of ?? 'an unknown product', chip ? toHex(chip) : 'any chip', tcbText(versions)].join(', ')
  const expected = say(signer, product, chipId, tcb)
  const found = say(report.signedBy, report.cpu ? productOf(report.cpu) : product, chipId && report.chipId, reported)
  return check('tee/processor', 'The key is of the processor and firmware that the report names', found === expected, {
    expected,
    found,
    source: 'AMD 57230, extensions of VCEK and VLEK certificates',
    fix: 'collect the certificate for this chip and its reported TCB',
  })
}

function checkGuestPolicy({ policy }: SnpReport): Reason {
  const allowed = [
    ...(policy & SNP_POLICY.debug ? ['debugging'] : []),
    ...(policy & SNP_POLICY.migrateMa ? ['a migration agent'] : []),
  ]
  return check('tee/policy', 'The guest can be neither debugged nor migrated', allowed.length === 0, {
    expected: 'bits 18 (MIGRATE_MA) and 19 (DEBUG) zero',
    found: `a policy that allows ${allowed.join(' and ')}`,
    source: 'AMD 56860 §4.3, guest policy',
    fix: 'launch the guest with a policy that allows neither',
  })
}

function checkRollback({ tcb }: SnpReport, { product }: SnpEndorsement): Reason {
  const [current, committed] = [tcbOf(tcb.current, product), tcbOf(tcb.committed, product)]
  return check('tee/rollback', 'Its firmware is not older than what it committed to', isAtLeast(current, committed), {
    expected: `at least ${tcbText(committed)}`,
    found: tcbText(current),
    source: `${REPORT}, COMMITTED_TCB`,
    fix: "update the processor's firmware",
  })
}

/** Against the releases with this measurement: one has to match whole. */
function checkReferences(report: SnpReport, { product }: SnpEndorsement, all: readonly SnpReference[]): Reason {
  const measurement = toHex(report.measurement)
  const named = all.filter((reference) => reference.measurement === measurement)
  // What measured the guest counts as much as what signs: firmware may have been updated since.
  const [reported, launch] = [tcbOf(report.tcb.reported, product), tcbOf(report.tcb.launch, product)]
  const oldest = mapTcb((part) => Math.min(reported[part], launch[part]))
  const releases = named.map((reference) => checkReference(reference, report, oldest))
  const best = releases.find(({ status }) => status === 'pass') ?? releases[0]
  if (best) return best
  return fail('tee/measurement', 'It runs a release that the reference values name', {
    expected:
      all.map(({ name, measurement }) => `${name} (${short(measurement)})`).join(' or ') || 'none: nothing is named',
    found: short(measurement),
    source: REFERENCES,
    fix: 'launch a release that is named',
  })
}

function checkReference(reference: SnpReference, report: SnpReport, tcb: SnpTcb): Reason {
  const failure = { source: REFERENCES, fix: `launch ${reference.name} as its reference says` }
  const [hostData, wanted] = [toHex(report.hostData), reference.hostData ?? NO_HOST_DATA]
  return group('tee/measurement', `It runs ${reference.name}`, [
    check('tee/host-data', 'Its host gave what the reference says', hostData === wanted, {
      ...failure,
      expected: short(wanted),
      found: short(hostData),
    }),
    check('tee/vmpl', `It runs at privilege level ${reference.vmpl}`, report.vmpl === reference.vmpl, {
      ...failure,
      expected: `VMPL ${reference.vmpl}`,
      found: `${report.vmpl}`,
    }),
    check(
      'tee/tcb',
      'Its firmware, now and at its launch, is as new as the reference demands',
      isAtLeast(tcb, reference.minimumTcb),
      {
        ...failure,
        expected: `at least ${tcbText(reference.minimumTcb)}`,
        found: tcbText(tcb),
        fix: "update the processor's firmware, commit it, and launch the guest anew",
      },
    ),
  ])
}
