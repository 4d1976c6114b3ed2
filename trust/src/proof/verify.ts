import { NOTHING, type PlatformAppraiser, type TeeAppraiser } from '../appraise/beneath.ts'
import { check, decidedBy, firstFailure, group, pass, short, unchecked } from '../appraise/reason.ts'
import { appraise } from '../appraise.ts'
import { toHex } from '../bytes.ts'
import { type Evidence, epochNonce } from '../evidence.ts'
import { type Policy, parsePolicy } from '../policy.ts'
import type { Assurance, Reason, Tier, Verdict } from '../verdict.ts'
import { MAX_BUNDLES, MAX_DEPTH } from './bundle.ts'
import { type CallExpectation, checkCall } from './check-call.ts'
import { checkFacts, revokedSince } from './check-facts.ts'
import { checkLinks } from './check-links.ts'
import { checkAnchor, checkConfirmation, checkNode, type LedgerKnowledge } from './check-standing.ts'
import { type Claims, RANK } from './claims.ts'
import { link, type Parts, readParts } from './parts.ts'
import { asLedgerFacts, policyEntryDigest, type ReliedFacts, referencesEntryDigest } from './relied-facts.ts'

/** What whoever checks a proof knows besides; what is left out is not checked, and the verdict says so. */
export interface ProofExpectation extends CallExpectation, LedgerKnowledge {
  /** The caller's own policy, canonical; the evidence is then appraised under this one. */
  policy?: Uint8Array
  /**
   * Gives what appraises platform and enclave: `proofAppraisers` of `@teapot-network/trust/appraisers`. Without it, what is beneath counts for nothing.
   * @param references the document `reference-values`, where the bundle holds it and the ledger has it current
   */
  appraisers?: (
    evidence: Evidence,
    references: Uint8Array | undefined,
  ) => Promise<{ platform?: PlatformAppraiser; tee?: TeeAppraiser[] }>
}

/** Two facts about a result that neither raise nor lower its tier (spec/proof.md §8). */
export interface ProofStanding {
  /** A later quote of the same boot extends what the evidence showed. */
  confirmed: boolean
  /** The block, with its timestamp, that the result is no newer than. Null too where the caller brings facts, but not this epoch. */
  anchored: { epoch: number; block: number; timestamp: number } | null
}

/** A verdict on a proof. `affirming` only when the caller brings ledger facts of its own that agree. */
export interface ProofVerdict extends Verdict {
  /** What the node stated; null when it can't be read. Worth what the tier says. */
  claims: Claims | null
  standing: ProofStanding
  /** On the results that the claims name as children, in their order; the whole is no better than any of them. */
  children: ProofVerdict[]
}

const ZERO = toHex(new Uint8Array(32))
const PROVISIONAL: ProofStanding = { confirmed: false, anchored: null }
const TIERS: readonly Tier[] = ['none', 'contraindicated', 'warning', 'affirming']

/**
 * Checks a proof of trust without asking anybody (spec/proof.md §9): from the claims to the leaf, to the signed checkpoint, to the key that
 * the TPM quoted, to what was measured, to the ledger. Never throws for what the bundle holds.
 * @throws TeapotError `policy/malformed` for an `expected.policy` that is none
 */
export async function verifyProof(bytes: Uint8Array, expected: ProofExpectation = {}): Promise<ProofVerdict> {
  const policy = expected.policy && parsePolicy(expected.policy)
  return (await judge(bytes, expected, policy, { depth: 0, tree: { left: MAX_BUNDLES } })).verdict
}

/** How deep in the tree of results, and how many bundles more it may have. */
interface Place {
  depth: number
  tree: { left: number }
}

interface Judged {
  verdict: ProofVerdict
  /** The leaf input of what was judged. */
  leaf: string
}

async function judge(
  bytes: Uint8Array,
  expected: ProofExpectation,
  own: Policy | undefined,
  place: Place,
): Promise<Judged> {
  const read = readParts(bytes)
  if ('reason' in read) return { verdict: nothing(read.reason), leaf: '' }
  const { parts } = read
  const { bundle, claims, evidence, later } = parts
  const beneath = checkReferences(parts)
  const appraiseBy = async (shown: Evidence, relied: ReliedFacts) => {
    const nonce = epochNonce(relied.epoch.seed, shown.epoch, shown.node)
    const options = await expected.appraisers?.(shown, beneath.references)
    return appraise(shown, { node: claims.node, nonce }, asLedgerFacts(relied), own ?? parts.policy, options)
  }
  const appraisal = await appraiseBy(evidence, bundle.facts)
  const extended = later && (await appraiseBy(later, bundle.confirmation!.facts))
  const confirmed = checkConfirmation(parts, appraisal, extended, expected)
  const anchored = checkAnchor(parts, expected.epochs)
  const standing = {
    confirmed: confirmed.status === 'pass',
    anchored: anchored.status === 'pass' || !expected.facts ? anchorOf(parts) : null,
  }
  const inService = checkNode(parts, expected.facts, standing.anchored?.block ?? Number.POSITIVE_INFINITY)
  const kin = await judgeChildren(parts, expected, own, place)
  const links = [...(await checkLinks(parts, appraisal.assurance)), ...checkCall(claims, expected)]
  const given = [
    checkFacts(bundle.facts, expected.facts, expected.epochs),
    checkPolicy(parts, own),
    ...beneath.reasons,
    confirmed,
    anchored,
    inService,
    ...kin.reasons,
  ]
  const reasons = [
    ...links,
    { ...group('proof/appraisal', 'The evidence stands up', appraisal.reasons), status: statusOf(appraisal) },
    ...given,
    ...(claims.unknown ?? []).map((key) => unchecked('proof/unknown-claim', `Claim ${key}`, 'not understood')),
  ]
  const broken = firstFailure([...links, ...given])
  const { boot, run, policy, expires } = appraisal
  const common = { boot, run, policy, expires, reasons, claims, children: kin.verdicts }
  const verdict = broken
    ? { ...common, ...refused(broken) }
    : { ...common, ...weigh(appraisal, doubtsOf(parts, expected, inService), kin.verdicts), standing }
  return { verdict, leaf: toHex(parts.leaf) }
}

/** Proofs of the results that the actor's own calls had; each must be the one that the claims name (spec/proof.md §9.7). */
async function judgeChildren(
  { bundle, claims }: Parts,
  { request, response, trace, ...known }: ProofExpectation,
  own: Policy | undefined,
  { depth, tree }: Place,
): Promise<{ reasons: Reason[]; verdicts: ProofVerdict[] }> {
  const [named, given] = [claims.children ?? [], bundle.children ?? []]
  const title = 'The results that it rests on are proved too'
  if (named.length === 0 && given.length === 0) return { reasons: [], verdicts: [] }
  if (given.length === 0) return { reasons: [unchecked('proof/children', title, notGiven(named))], verdicts: [] }
  tree.left -= given.length
  const judged: Judged[] = []
  if (depth < MAX_DEPTH && tree.left >= 0) {
    for (const child of given) judged.push(await judge(child, known, own, { depth: depth + 1, tree }))
  }
  const same = named.join() === judged.map(({ leaf }) => leaf).join()
  const expected = `the ${named.length} results that the claims name, at most ${MAX_DEPTH} deep and ${MAX_BUNDLES} in all`
  const found = judged.length > 0 ? 'another in their place' : 'more'
  return { reasons: [link('children', title, same, expected, found)], verdicts: judged.map(({ verdict }) => verdict) }
}

const notGiven = ({ length }: readonly unknown[]): string => `${length} not in the bundle`

/** What keeps a proof that holds from being affirming. */
function doubtsOf({ bundle, claims }: Parts, { facts }: ProofExpectation, inService: Reason): string[] {
  const revoked = facts && revokedSince(bundle.facts, facts)
  const missing = !bundle.children && claims.children
  return [
    revoked && `Expected nothing that is revoked, found that ${revoked} has been revoked since.`,
    inService.status !== 'pass' && `Expected a result from when the node was in service, found ${inService.found}.`,
    missing && `Expected proofs of the results that it rests on, found ${notGiven(missing)}.`,
    !facts &&
      `Expected ledger facts from the caller, found those of the bundle (block ${bundle.facts.block.number}): the proof holds if they are true.`,
  ].filter((doubt) => typeof doubt === 'string')
}

/** Tier, summary and assurance of what is not broken: those of its weakest part. */
function weigh(appraisal: Verdict, [doubt]: string[], children: ProofVerdict[]) {
  const own = alone(appraisal, doubt)
  const assurance = [appraisal, ...children].map((verdict) => verdict.assurance).reduce(lesser)
  const weakest = children.toSorted((a, b) => rank(a) - rank(b))[0]
  if (!weakest || rank(weakest) >= rank(own)) return { ...own, assurance }
  const summary = `Expected results to rest on that are as good, found one that is not: ${weakest.summary}`
  return { tier: weakest.tier, outcome: 'silence' as const, summary, assurance }
}

function alone(
  { tier, outcome, summary, fix }: Verdict,
  doubt: string | undefined,
): Pick<Verdict, 'tier' | 'outcome' | 'summary' | 'fix'> {
  if (tier !== 'affirming') return { tier, outcome, summary, ...(fix !== undefined && { fix }) }
  if (doubt) return { tier: 'warning', outcome: 'silence', summary: doubt }
  return { tier, outcome, summary: `Expected and found a result that follows from what was measured: ${summary}` }
}

const rank = ({ tier }: Pick<Verdict, 'tier'>): number => TIERS.indexOf(tier)

function lesser(a: Assurance, b: Assurance): Assurance {
  const least = <T extends string>(one: T, other: T) => (RANK.indexOf(one) < RANK.indexOf(other) ? one : other)
  return {
    integrity: least(a.integrity, b.integrity),
    confidentiality: least(a.confidentiality, b.confidentiality),
  }
}

/** The policy in the bundle is the caller's own, or one that the ledger holds: then it is worth what the facts are worth. */
function checkPolicy({ bundle, policy }: Parts, own: Policy | undefined): Reason {
  const title = 'The policy is the one to apply'
  const digest = policyEntryDigest(policy)
  if (own && policyEntryDigest(own) === digest) return pass('proof/policy', title, "the caller's own")
  return checkDocument('policy', title, bundle.facts, digest)
}

/** The reference values count if the ledger holds them. */
function checkReferences({ bundle: { references, facts } }: Parts): { reasons: Reason[]; references?: Uint8Array } {
  if (!references) return { reasons: [] }
  const title = 'The reference values are those to apply'
  return { reasons: [checkDocument('references', title, facts, referencesEntryDigest(references))], references }
}

function checkDocument(id: string, title: string, { entries }: ReliedFacts, digest: string): Reason {
  const entry = entries.find((one) => one.digest === digest)
  return check(`proof/${id}`, title, entry?.status === 'current' || entry?.status === 'grace', {
    expected: 'a document that is current or in grace on the ledger',
    found: entry
      ? `${entry.name} ${entry.version}, ${entry.status}`
      : `one with digest ${short(digest)} that is not there`,
    source: 'CodeRegistry',
    fix: 'appraise under the current policy',
  })
}

function anchorOf({ anchored }: Parts): ProofStanding['anchored'] {
  return anchored
    ? { epoch: anchored.says.epoch, block: anchored.block.number, timestamp: anchored.block.timestamp }
    : null
}

function statusOf({ tier }: Verdict): Reason['status'] {
  return tier === 'affirming' ? 'pass' : 'fail'
}

/** What a step that failed makes of the whole. */
function refused(reason: Reason) {
  return {
    tier: 'none' as const,
    outcome: 'silence' as const,
    assurance: NOTHING,
    standing: PROVISIONAL,
    ...decidedBy(reason),
  }
}

function nothing(reason: Reason): ProofVerdict {
  const blank = { boot: 0, run: ZERO, policy: ZERO, expires: 0, claims: null, children: [] }
  return { ...refused(reason), ...blank, reasons: [reason] }
}
