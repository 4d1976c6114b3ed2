import { toHex } from '../src/bytes.ts'
import { encodeCbor } from '../src/cbor.ts'
import { endorse } from '../src/snp/endorsement.ts'
import { AMD_INTERMEDIATES, AMD_ROOTS, createSnpAppraiser, parseSnpReport } from '../src/snp/index.ts'
import { parseCertificate } from '../src/x509.ts'
import { type Part, region, toldId, whole } from './parts.ts'
import { base64, readGenuine, readGenuineJson } from './samples.ts'

/** A report, the certificate of the key that signed it, and AMD's intermediate. */
export interface Shown {
  report: Uint8Array
  leaf: Uint8Array
  ask: Uint8Array
}

/** One of AMD's certificates, as DER. */
export const amd = (name: string): Uint8Array =>
  base64([...AMD_ROOTS, ...AMD_INTERMEDIATES].find((one) => one.name === name)!.der)

const AZURE = 'azure-vtpm/snp-v1'
/** Before the report in its HCL report. */
const HCL_HEAD = 32

export function readShown(name: string): Shown {
  if (name === AZURE) {
    const { hcl_report, vcek } = readGenuineJson(`tee/${name}.json`)
    const report = base64(hcl_report).slice(HCL_HEAD, HCL_HEAD + 0x4a0)
    return { report, leaf: base64(vcek), ask: amd('SEV-Milan') }
  }
  const [report, leaf] = [readGenuine(`tee/snp/${name}.report.bin`), readGenuine(`tee/snp/${name}.leaf.der`)]
  return { report, leaf, ask: amd(name.endsWith('vlek') ? 'SEV-VLEK-Milan' : 'SEV-Milan') }
}

/** What refuses it at that date, where the measurement and report data of `genuine` are those expected. */
export function snpAppraisalOf(genuine: Uint8Array, date: string): (shown: Shown) => Promise<string | undefined> {
  const { measurement, vmpl, reportData } = parseSnpReport(genuine)
  const minimumTcb = { bootloader: 2, tee: 0, snp: 5, microcode: 68, fmc: 0 }
  const release = { name: 'sample', measurement: toHex(measurement), hostData: null, vmpl, minimumTcb }
  const by = createSnpAppraiser({ v: 1, boots: [], tees: [{ kind: 'sev-snp', ...release }] })
  return async ({ report, leaf, ask }) => {
    const collateral = encodeCbor([leaf, ask, null])
    const { enclave, reason } = await by.appraise(
      { kind: by.kind, report, collateral },
      reportData,
      Date.parse(date) / 1000,
    )
    const id = toldId([reason])
    return enclave === (id === undefined) ? id : `${id}, though an enclave: ${enclave}`
  }
}

/** Each genuine report, and a date when its certificates hold. */
const REPORTS = {
  'milan-v2-vcek': '2024-01-01',
  'milan-v5-gcp': '2026-01-01',
  'milan-v3-vlek': '2025-06-01',
  'milan-v2-debugpolicy': '2024-01-01',
  [AZURE]: '2026-01-01',
}
/** Of bits, where `npm test` flips a sample of them. */
const STEP = 17

/** Every byte of the reports, of the certificates of the keys that signed them, and of AMD's intermediates. */
export function snpParts(): Part[] {
  const reports = Object.entries(REPORTS).flatMap(([name, date]) => {
    const shown = readShown(name)
    const idOf = snpAppraisalOf(shown.report, date)
    const part = (part: keyof Shown, regions: Part['regions']): Part => ({
      ...{ sample: name, part, bytes: shown[part], regions },
      idOf: (altered) => idOf({ ...shown, [part]: altered }),
    })
    const certificate = (bytes: Uint8Array, step: number, like?: string) =>
      whole(/^tee\/chain$/, bytes, step, like).regions
    return [
      part('report', REPORT),
      part('leaf', certificate(shown.leaf, 271)),
      part('ask', certificate(shown.ask, 333, 'ask')),
    ]
  })
  return [...reports, ...turinParts()]
}

const BY_REPORT = /^tee\/(report|signature)$/
const REPORT = [
  region('VERSION to POLICY', 0, 0x10, BY_REPORT, STEP),
  region('FAMILY_ID to SIGNING_KEY', 0x10, 0x50, BY_REPORT, STEP),
  region('REPORT_DATA', 0x50, 0x90, BY_REPORT, STEP),
  region('MEASUREMENT and HOST_DATA', 0x90, 0xe0, BY_REPORT, STEP),
  region('key digests and report ids', 0xe0, 0x180, BY_REPORT, STEP),
  region('REPORTED_TCB and CPUID', 0x180, 0x1a0, BY_REPORT, STEP),
  region('CHIP_ID', 0x1a0, 0x1e0, BY_REPORT, STEP),
  region('committed versions to the end', 0x1e0, 0x2a0, BY_REPORT, STEP),
  region('SIGNATURE', 0x2a0, 0x4a0, BY_REPORT, STEP),
]

/** A VCEK without its report. */
function turinParts(): Part[] {
  const shown = { leaf: readGenuine('tee/snp/turin.vcek-only.der'), ask: amd('SEV-Turin') }
  const roots = [{ product: 'Turin', certificate: parseCertificate(amd('ARK-Turin')) } as const]
  return (['leaf', 'ask'] as const).map((part) => ({
    ...{ sample: 'turin', part, ...whole(/^tee\/chain$/, shown[part], 911) },
    idOf: async (altered) => {
      const { leaf, ask }: typeof shown = { ...shown, [part]: altered }
      const held = await endorse(encodeCbor([leaf, ask, null]), roots)
      return 'status' in held ? toldId([held]) : undefined
    },
  }))
}
