import { fail, pass, unchecked } from '../appraise/reason.ts'
import { concatBytes, equalBytes, toHex } from '../bytes.ts'
import { type ChainProblem, type HeldChain, validityProblem } from '../certificate-chain.ts'
import { sha256 } from '../digest.ts'
import { verifyEs256 } from '../es256.ts'
import type { Reason } from '../verdict.ts'
import type { Certificate } from '../x509.ts'
import { parseCollateral } from './collateral.ts'
import { attempt, createEndorser, type Endorsement } from './endorsement.ts'
import { parseTdxQuote, type TdxQuote } from './quote.ts'
import { moduleProblem, qeProblem, type TdxTcb, tcbInfoProblem, tdxTcb } from './tcb.ts'

/** What became of a quote: it holds when all reasons pass. */
export interface TdxVerification {
  reasons: Reason[]
  /** Undefined when it cannot be read. */
  quote?: TdxQuote
  /** Undefined when Intel lists no state for it, or what Intel says does not hold. */
  tcb?: TdxTcb
}

/**
 * Verifies a quote with Intel's collateral for its platform.
 * @param collateral the UTF-8 of the JSON document of spec/tee.md §1.2
 * @param at seconds since 1970: when certificates, lists and TCB information must be valid
 */
export type TdxVerifier = (report: Uint8Array, collateral: Uint8Array, at: number) => Promise<TdxVerification>

const FORM = 'Intel TDX DCAP Quoting Library'
const PCK = 'Intel SGX PCK Certificate and CRL Profile'
const PCS = 'Intel PCS API v4'
const RESEND = 'send the quote as the Quoting Enclave gave it'
const COLLECT = "collect it anew from Intel's service"
const UPDATE = 'update BIOS, microcode and TDX module, and collect PCK chain and TCB info anew'
/** Title, source and fix of each step, in their order: from the root of trust down to the domain. */
const STEPS = {
  'tee/form': ['The quote can be read', `${FORM} §A.3, §A.4`, RESEND],
  'tee/collateral': ['What Intel says of the platform can be read', 'spec/tee.md §1.2', COLLECT],
  'tee/pck-chain': ["The platform's key is certified by Intel", `${PCK} §1.3`, COLLECT],
  'tee/revocation': ['Intel did not revoke it', `RFC 5280 §5; ${PCK} §1.4`, COLLECT],
  'tee/qe-report': ["The Quoting Enclave's report is signed by that key", `${FORM} §A.3.11`, RESEND],
  'tee/attestation-key': ['It names the attestation key', `${FORM} §A.3.11`, RESEND],
  'tee/quote-signature': ['Header and body are signed by the attestation key', `${FORM} §A.3.8`, RESEND],
  'tee/tcb-info': ["Intel's TCB info is for this platform", `${PCS}, TDX TCB Info`, COLLECT],
  'tee/qe-identity': ["The Quoting Enclave is Intel's", `${PCS}, TD QE Identity`, COLLECT],
  'tee/tdx-module': ["The TDX module is Intel's", `${PCS}, TDX TCB Info`, UPDATE],
  'tee/tcb-level': ['Intel lists the state of all of them, and revoked none', `${PCS}, TDX TCB Info`, UPDATE],
  'tee/debug': ['It can be neither debugged nor migrated', `${FORM} §A.3.2`, 'launch it without the others'],
  'tee/service-td': ['No service domain is bound to it', `${FORM} §A.4`, 'launch it without one'],
} as const
type StepId = keyof typeof STEPS
type Problem = ChainProblem | undefined

/** LASS, SEPT_VE_DISABLE, PKS, KL (bits 27, 28, 30, 31) and PERFMON (63), which the domain has for itself; others let somebody in. */
const OWN_ATTRIBUTES = [0, 0, 0, 0xd8, 0, 0, 0, 0x80]

/** Verifies under this root: the subpath gives Intel's. What is endorsed is remembered by its bytes; time is judged each time. */
export function createTdxVerifier(root: Certificate): TdxVerifier {
  const endorse = createEndorser(root)
  return async (report, collateralBytes, at) => {
    const quote = await attempt(() => parseTdxQuote(report))
    if (isProblem(quote)) return { reasons: [step('tee/form', quote)] }
    const collateral = await attempt(() => parseCollateral(new TextDecoder().decode(collateralBytes)))
    if (isProblem(collateral)) return { reasons: [step('tee/form'), step('tee/collateral', collateral)], quote }
    const endorsement = await endorse(quote.pckChain, collateral)
    const signatures = await judgeSignatures(quote, endorsement, at)
    const { reasons, tcb } = judgeTcb(quote, endorsement, at)
    const all = [step('tee/form'), step('tee/collateral'), ...signatures, ...reasons, ...judgeDomain(quote)]
    return { quote, reasons: all, ...(tcb && { tcb }) }
  }
}

async function judgeSignatures(quote: TdxQuote, { pck, unrevoked }: Endorsement, at: number): Promise<Reason[]> {
  const { qe, attestationKey, signature, signed } = quote
  const holds = async (key: Uint8Array | undefined, by: string, signature: Uint8Array, message: Uint8Array) =>
    key && (await verifyEs256(key, message, signature))
      ? undefined
      : { expected: `a signature by ${by}`, found: key ? 'one that does not verify' : 'no such key' }
  const key = concatBytes(Uint8Array.of(4), attestationKey)
  const pckKey = isProblem(pck) ? undefined : pck.key
  const named = concatBytes(sha256(concatBytes(attestationKey, qe.authData)), new Uint8Array(32))
  return [
    step('tee/pck-chain', timely(pck, at)),
    step('tee/revocation', timely(unrevoked, at)),
    step('tee/qe-report', await holds(pckKey, "the platform's key", qe.signature, qe.signed)),
    step('tee/attestation-key', difference(named, qe.report.reportData)),
    step('tee/quote-signature', await holds(key, 'the attestation key', signature, signed)),
  ]
}

function judgeTcb(quote: TdxQuote, endorsement: Endorsement, at: number): { reasons: Reason[]; tcb?: TdxTcb } {
  const { pck, tcbInfo: info, qeIdentity: identity } = endorsement
  const late = [timely(info, at), timely(identity, at)] as const
  if (isProblem(pck) || isProblem(info) || isProblem(identity) || late[0] || late[1]) {
    const unjudged = (id: StepId) => unchecked(id, STEPS[id][0], 'what Intel says does not hold')
    const said = [step('tee/tcb-info', late[0]), step('tee/qe-identity', late[1])]
    return { reasons: [...said, unjudged('tee/tdx-module'), unjudged('tee/tcb-level')] }
  }
  const other = tcbInfoProblem(pck.platform, info)
  const tcb = other ? undefined : tdxTcb(quote, pck.platform, info, identity)
  const versions = `TDX ${toHex(quote.report.teeTcbSvn)}, SGX ${pck.platform.components}, PCE ${pck.platform.pceSvn}`
  const found = `${tcb?.status ?? 'none'} for ${versions}`
  const isListed = tcb !== undefined && tcb.status !== 'Revoked'
  const reasons = [
    step('tee/tcb-info', other),
    step('tee/qe-identity', qeProblem(quote.qe, identity)),
    step('tee/tdx-module', moduleProblem(quote, info)),
    step('tee/tcb-level', isListed ? undefined : { expected: 'a state that Intel lists', found }, found),
  ]
  return { reasons, ...(tcb && { tcb }) }
}

function judgeDomain({ report }: TdxQuote): Reason[] {
  const { tdAttributes, mrServiceTd = new Uint8Array() } = report
  const isOwn = tdAttributes.every((byte, i) => (byte & ~OWN_ATTRIBUTES[i]!) === 0)
  const expected = 'no TDATTRIBUTES but LASS, SEPT_VE_DISABLE, PKS, KL and PERFMON'
  return [
    step('tee/debug', isOwn ? undefined : { expected, found: toHex(tdAttributes) }),
    step('tee/service-td', difference(new Uint8Array(mrServiceTd.length), mrServiceTd)),
  ]
}

function step(id: StepId, problem?: Problem, shown?: string): Reason {
  const [title, source, fix] = STEPS[id]
  if (!problem) return pass(id, title, shown)
  return fail(id, title, { expected: problem.expected, found: problem.found, source, fix })
}

/** What keeps a part from holding at this time. */
function timely(part: HeldChain | ChainProblem, at: number): Problem {
  return isProblem(part) ? part : validityProblem(part, at)
}

function isProblem(part: object): part is ChainProblem {
  return 'found' in part
}

function difference(expected: Uint8Array, found: Uint8Array): Problem {
  return equalBytes(expected, found) ? undefined : { expected: toHex(expected), found: toHex(found) }
}
