import { appraiseChain } from '../appraise/endorsement.ts'
import { readAk } from '../appraise/identity.ts'
import { appraiseQuoted, appraiseSignature, readAttest } from '../appraise/quote.ts'
import { check, firstFailure, group, short, unchecked } from '../appraise/reason.ts'
import { equalBytes, toHex } from '../bytes.ts'
import type { PlatformLogs } from '../evidence.ts'
import type { Policy } from '../policy.ts'
import type { ReferenceValuesDocument } from '../reference-values.ts'
import type { Reason, Verdict } from '../verdict.ts'
import { createPlatformAppraiser } from './platform-appraiser.ts'
import type { Pcrs } from './replayed.ts'

/** What a machine that is no node shows of itself: a quote over a bare nonce, and its logs. */
export interface MachineEvidence extends PlatformLogs {
  /** TPMS_ATTEST and TPMT_SIGNATURE, verbatim. */
  attest: Uint8Array
  signature: Uint8Array
  /** TPMT_PUBLIC of the AK. */
  ak: Uint8Array
  /** DER: the EK certificate, then its issuers up to but without the root. */
  ek: Uint8Array[]
  /** Of the quoted PCRs, SHA-256 bank. */
  pcrs: Pcrs
  /** What the quote must carry as qualifying data. */
  nonce: Uint8Array
}

/**
 * Appraises a machine before it is a node: AK, quote, the TPM's maker, and what was booted (spec/boot.md §6).
 * That AK and EK live in one TPM is told as unchecked. Never throws for what the evidence says.
 * @param policy its roots for `tpm`, and its PCRs, which are the ones that must be quoted
 * @param at seconds since 1970: when the certificates must be valid
 */
export async function appraiseMachine(
  evidence: MachineEvidence,
  policy: Policy,
  references: ReferenceValuesDocument,
  at: number,
): Promise<Pick<Verdict, 'tier' | 'assurance' | 'summary' | 'reasons'>> {
  const { pcrs, nonce, ek } = evidence
  const quote = { quote: { attest: evidence.attest, signature: evidence.signature } }
  const { reason: form, attest } = readAttest(quote)
  const { reason: identity, ak } = readAk(evidence.ak)
  const answers = check('quote/nonce', 'It answers the nonce', !!attest && equalBytes(attest.extraData, nonce), {
    expected: `nonce ${short(toHex(nonce))}`,
    found: attest ? short(toHex(attest.extraData)) : 'none',
    source: 'the caller',
    fix: 'quote again over this nonce',
  })
  const quoted = attest ? appraiseQuoted(attest, pcrs, policy) : []
  const signed = await appraiseSignature(quote, ak)
  const grounds = [
    identity,
    group('quote', 'The quote is fresh and signed by the TPM', [form, signed, answers, ...quoted]),
    group('endorsement', 'A TPM maker stands behind it', [
      await appraiseChain({ ek, type: 'tpm' }, policy, at),
      unchecked('endorsement/activation', 'AK and EK live in one TPM', 'no credential was activated'),
    ]),
  ]
  const grounded = !firstFailure(grounds)
  const { reason, measured } = grounded
    ? createPlatformAppraiser(references)(evidence, pcrs)
    : { reason: unchecked('platform', 'What was booted', 'no valid quote'), measured: false }
  const reasons = [...grounds, reason]
  const failed = firstFailure(reasons)
  return {
    tier: !grounded ? 'none' : failed ? 'contraindicated' : 'affirming',
    assurance: { integrity: measured ? 'measured' : 'none', confidentiality: 'none' },
    summary: failed ? `Expected ${failed.expected}, found ${failed.found}.` : summarize(reason),
    reasons,
  }
}

/** What was found of a chain that holds, and what keeps it from being worth something. */
function summarize(platform: Reason): string {
  const release = platform.because?.find(({ id }) => id === 'platform/release')
  const gaps = release?.because?.filter(({ status }) => status === 'unchecked') ?? [platform]
  const worth = gaps.map(({ title, found }) => `; not so: ${title} (${found})`).join('')
  return `Expected and found what the references name${worth}.`
}
