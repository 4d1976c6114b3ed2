import type { Digest } from '../bytes.ts'
import {
  type Evidence,
  type PlatformLogs,
  qualifyingData,
  type TeeEvidence,
  type TeeKind,
  teeReportData,
} from '../evidence.ts'
import type { Assurance, Reason } from '../verdict.ts'
import type { Weighed } from './measurements.ts'
import { unchecked } from './reason.ts'

/** What is beneath the launcher, appraised: firmware, boot loader, kernel, command line, root file system. */
export interface PlatformAppraisal {
  reason: Reason
  /** Whether every part, down to a read-only root, is one that the references name. */
  measured: boolean
}

/**
 * Appraises the platform's logs against the quoted PCRs; given to `appraise` by whoever wants it checked: `@teapot-network/trust/boot`.
 * @param pcrs all quoted values, SHA-256 bank
 */
export type PlatformAppraiser = (logs: PlatformLogs, pcrs: Readonly<Record<number, Digest>>) => PlatformAppraisal

/** An enclave's report, appraised. */
export interface TeeAppraisal {
  reason: Reason
  /** Whether the report holds, its TCB is accepted, and its measurement is one that the references name. */
  enclave: boolean
}

/** Appraises one maker's reports; each is a subpath of its own: `@teapot-network/trust/tdx`, `/sev-snp`, `/nitro`. */
export interface TeeAppraiser {
  kind: TeeKind
  /**
   * @param reportData 64 bytes that the report must carry
   * @param at seconds since 1970: when certificates, revocation lists and TCB information must be valid
   */
  appraise(tee: TeeEvidence, reportData: Uint8Array, at: number): Promise<TeeAppraisal>
}

/** What a measurement is worth when nothing beneath it was appraised. */
export const NOTHING: Assurance = { integrity: 'none', confidentiality: 'none' }
/** Excludes, and slashes nobody: firmware differs more often than it lies. */
const REFUSED = { tier: 'contraindicated', outcome: 'silence' } as const

/**
 * What the quote's chain and enclave make it worth: a measurement is worth the chain beneath it (spec/trust-model.md §1).
 * A chain or a report that is shown and does not hold refuses the whole; one that is not shown, or not known, is worth nothing.
 */
export async function appraiseBeneath(
  evidence: Evidence,
  at: number,
  by: { platform?: PlatformAppraiser; tee?: readonly TeeAppraiser[] },
): Promise<{ weighed: Weighed[]; assurance: Assurance }> {
  const platform = appraisePlatform(evidence, by.platform)
  const tee = await appraiseTee(evidence, at, by.tee ?? [])
  const weighed = [platform.reason, tee.reason].map((reason) => ({ ...REFUSED, reason }))
  // Simulated evidence is worth nothing, whatever it says.
  if (evidence.type === 'tpm-simulated') return { weighed, assurance: NOTHING }
  const integrity = tee.enclave ? 'enclave' : platform.measured ? 'measured' : 'none'
  return { weighed, assurance: { integrity, confidentiality: tee.enclave ? 'enclave' : 'none' } }
}

function appraisePlatform(evidence: Evidence, appraiser: PlatformAppraiser | undefined): PlatformAppraisal {
  const skipped = (why: string) => ({
    reason: unchecked('platform', 'The chain beneath the launcher', why),
    measured: false,
  })
  if (evidence.type === 'tpm-simulated') return skipped('simulated TPM: worth nothing')
  if (!evidence.platform) return skipped('no log of firmware and kernel was shown')
  if (!appraiser) return skipped('firmware and kernel not appraised here')
  return appraiser(evidence.platform, evidence.pcrs)
}

async function appraiseTee(evidence: Evidence, at: number, appraisers: readonly TeeAppraiser[]): Promise<TeeAppraisal> {
  const { tee } = evidence
  const skipped = (why: string) => ({ reason: unchecked('tee', 'An enclave around the machine', why), enclave: false })
  if (!tee) return skipped('none was shown')
  const appraiser = appraisers.find(({ kind }) => kind === tee.kind)
  if (!appraiser) return skipped(`${tee.kind} not appraised here`)
  return appraiser.appraise(tee, await teeReportData(evidence, qualifyingData(evidence)), at)
}
