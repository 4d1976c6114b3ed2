import type { TeeAppraiser } from '../appraise/beneath.ts'
import { check, group, short } from '../appraise/reason.ts'
import { type Hex, toHex } from '../bytes.ts'
import type { ReferenceValuesDocument, TdxReference } from '../reference-values.ts'
import { checkReportData } from '../tee.ts'
import type { Reason } from '../verdict.ts'
import type { TdReport } from './quote.ts'
import type { TdxTcb } from './tcb.ts'
import type { TdxVerifier } from './verify.ts'

const REFERENCES = 'the reference values on the ledger (spec/tee.md §1.5)'
const ZERO: Hex = `0x${'00'.repeat(48)}`
/** What is measured, or said by the host; what no reference can name has to be zero. */
const MEASURED = ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3', 'mrConfigId', 'mrOwner', 'mrOwnerConfig'] as const

/** Appraises quotes, verified so, against the reference values. */
export function tdxAppraiser(references: ReferenceValuesDocument, verify: TdxVerifier): TeeAppraiser {
  const expected = references.tees.filter((reference) => reference.kind === 'tdx')
  return {
    kind: 'tdx',
    async appraise(tee, reportData, at) {
      const { quote, tcb, reasons } = await verify(tee.report, tee.collateral, at)
      const said = quote
        ? [checkReportData(quote.report.reportData, reportData), ...checkReferences(quote.report, tcb, expected)]
        : []
      const reason = group('tee', 'A TDX processor vouches for the machine', [...reasons, ...said])
      return { reason, enclave: [...reasons, ...said].every(({ status }) => status === 'pass') }
    },
  }
}

/** One release has to have these measurements, and to accept this state of the platform. */
function checkReferences(report: TdReport, tcb: TdxTcb | undefined, all: readonly TdxReference[]): Reason[] {
  const differences = (reference: TdxReference) =>
    [reference.mrtd, ...reference.rtmr, ZERO, ZERO, ZERO].flatMap((wanted, i) => {
      const [name, found] = [MEASURED[i]!, toHex(report[MEASURED[i]!])]
      return wanted === found ? [] : [{ name, wanted, found }]
    })
  const named = all.filter((reference) => differences(reference).length === 0)
  const [nearest] = all.toSorted((a, b) => differences(a).length - differences(b).length)
  const first = nearest && differences(nearest)[0]
  const accepted = new Set<string>(named.flatMap((reference) => reference.tcb))
  const status = tcb?.status ?? 'none'
  return [
    check('tee/measurement', `It runs ${named[0]?.name ?? 'a release that is named'}`, named.length > 0, {
      expected: first ? `${first.name} ${short(first.wanted)} of ${nearest.name}` : 'none: nothing is named',
      found: short(first?.found ?? toHex(report.mrtd)),
      source: REFERENCES,
      fix: 'launch a release that is named',
    }),
    check('tee/tcb-status', `The state of the platform is accepted: ${status}`, accepted.has(status), {
      expected: [...accepted].join(' or ') || 'none: nothing is named',
      found: [status, ...(tcb?.advisories ?? [])].join(', '),
      source: REFERENCES,
      fix: "update BIOS, microcode and TDX module as Intel's advisories say",
    }),
  ]
}
