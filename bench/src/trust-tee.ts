import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { encodeCbor, type TeeAppraiser, type TeeEvidence, toHex } from '@teapot-network/trust'
import { createNitroAppraiser, parseNitroDocument } from '@teapot-network/trust/nitro'
import { AMD_INTERMEDIATES, createSnpAppraiser, parseSnpReport } from '@teapot-network/trust/sev-snp'
import { createTdxAppraiser, parseTdxQuote } from '@teapot-network/trust/tdx'

/** A genuine report with what appraises it, and the time at which it held. */
export interface TeeSample {
  appraiser: TeeAppraiser
  tee: TeeEvidence
  reportData: Uint8Array
  at: number
}

/** Reports of real processors, kept beside the checkout, as they are other people's. */
const FOLDER = fileURLToPath(new URL('../../../shared/samples/tee/', import.meta.url))
const read = (name: string) => new Uint8Array(readFileSync(FOLDER + name))
const seconds = (time: string) => Date.parse(time) / 1000

/** One sample of each maker; none where they are not at hand. */
export function readTeeSamples(): TeeSample[] {
  return existsSync(FOLDER) ? [snpSample(), tdxSample(), nitroSample()] : []
}

function snpSample(): TeeSample {
  const report = read('snp/milan-v2-vcek.report.bin')
  const { measurement, vmpl, reportData } = parseSnpReport(report)
  const minimumTcb = { bootloader: 0, tee: 0, snp: 0, microcode: 0, fmc: 0 }
  const reference = {
    kind: 'sev-snp',
    name: 'sample',
    measurement: toHex(measurement),
    hostData: null,
    minimumTcb,
    vmpl,
  } as const
  const milan = AMD_INTERMEDIATES.find(({ name }) => name === 'SEV-Milan')!
  const collateral = encodeCbor([
    read('snp/milan-v2-vcek.leaf.der'),
    Uint8Array.from(Buffer.from(milan.der, 'base64')),
    null,
  ])
  const appraiser = createSnpAppraiser({ v: 1, boots: [], tees: [reference] })
  return { appraiser, tee: { kind: 'sev-snp', report, collateral }, reportData, at: seconds('2025-06-01') }
}

function tdxSample(): TeeSample {
  const report = read('tdx-v4/phala-tdx.quote.bin')
  const { mrtd, rtmr0, rtmr1, rtmr2, rtmr3, reportData } = parseTdxQuote(report).report
  const rtmr = [rtmr0, rtmr1, rtmr2, rtmr3].map(toHex)
  const reference = { kind: 'tdx', name: 'sample', mrtd: toHex(mrtd), rtmr, tcb: ['UpToDate'] } as const
  const appraiser = createTdxAppraiser({ v: 1, boots: [], tees: [reference] })
  const collateral = read('tdx-v4/phala-tdx.collateral.json')
  return { appraiser, tee: { kind: 'tdx', report, collateral }, reportData, at: seconds('2025-06-19T11:40:00Z') }
}

function nitroSample(): TeeSample {
  const report = read('nitro/base1.cose')
  const { timestamp, pcrs, userData } = parseNitroDocument(report)
  const [pcr0, pcr1, pcr2] = [0, 1, 2].map((index) => pcrs.get(index)!)
  const reference = { kind: 'nitro', name: 'sample', pcr0: pcr0!, pcr1: pcr1!, pcr2: pcr2! } as const
  const appraiser = createNitroAppraiser({ v: 1, boots: [], tees: [reference] })
  const at = Math.ceil(timestamp / 1000)
  return { appraiser, tee: { kind: 'nitro', report, collateral: new Uint8Array() }, reportData: userData, at }
}
