import { check, decidedBy, fail, firstFailure, group, pass, short, unchecked } from '../appraise/reason.ts'
import { appraise } from '../appraise.ts'
import { type Digest, fromHex, toHex } from '../bytes.ts'
import { type CallRequest, type CallResponse, requestDigest, responseDigest } from '../call.ts'
import { digestOf } from '../digest.ts'
import { EntryKind, entryDigest } from '../entry.ts'
import { PCR_C, PCR_R, parseEventLog, quotedPrefix } from '../event-log.ts'
import { type Evidence, epochNonce, evidenceDigest, parseEvidence, runDigest } from '../evidence.ts'
import { encodeGrants } from '../grants.ts'
import type { LedgerFacts } from '../ledger-facts.ts'
import { type Policy, parsePolicy } from '../policy.ts'
import { TeapotError } from '../teapot-error.ts'
import type { Assurance, Reason, Verdict } from '../verdict.ts'
import { type ProofBundle, parseBundle } from './bundle.ts'
import { checkFacts, revokedSince } from './check-facts.ts'
import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import { type Claims, leafInput, parseClaims } from './claims.ts'
import { parseReceipt, type Receipt, receiptCheckpoint } from './receipt.ts'
import { asLedgerFacts, policyEntryDigest, type ReliedFacts } from './relied-facts.ts'

/** What whoever checks a proof knows besides; what is left out is not checked, and the verdict says so. */
export interface ProofExpectation {
  /** What was asked. */
  request?: Pick<CallRequest, 'actor' | 'operation' | 'payload'>
  /** What was answered. */
  response?: Pick<CallResponse, 'outcome' | 'payload'>
  /** What the actor saw of the world, as recorded. */
  trace?: Uint8Array
  /** The ledger as the caller itself has read it, at the bundle's block or later. */
  facts?: LedgerFacts
  /** The caller's own policy, canonical; the evidence is then appraised under this one. */
  policy?: Uint8Array
}

/** A verdict on a proof. `affirming` only when the caller brings ledger facts of its own that agree. */
export interface ProofVerdict extends Verdict {
  /** What the node stated; null when it can't be read. Worth what the tier says. */
  claims: Claims | null
}

interface Parts {
  bundle: ProofBundle
  claims: Claims
  receipt: Receipt
  checkpoint: SignedCheckpoint
  evidence: Evidence
  policy: Policy
}

const SOURCE = 'spec/proof.md §9'
const FIX = 'ask the node for the proof again; if it fails again, the result is not what the node signed'
const NO_ASSURANCE: Assurance = { integrity: 'none', confidentiality: 'none' }
const RANK = ['none', 'measured', 'enclave']

/**
 * Checks a proof of trust without asking anybody (spec/proof.md §9): from the claims to the leaf, to the signed checkpoint, to the key that
 * the TPM quoted, to what was measured, to the ledger. Never throws for what the bundle holds.
 * @throws TeapotError `policy/malformed` for an `expected.policy` that is none
 */
export async function verifyProof(bytes: Uint8Array, expected: ProofExpectation = {}): Promise<ProofVerdict> {
  const read = readParts(bytes)
  if ('reason' in read) return nothing(read.reason)
  const { parts } = read
  const { bundle, claims, evidence, policy } = parts
  const facts = asLedgerFacts(bundle.facts)
  const nonce = epochNonce(facts.epoch.seed, evidence.epoch, evidence.node)
  const own = expected.policy && parsePolicy(expected.policy)
  const appraisal = await appraise(evidence, { node: claims.node, nonce }, facts, own ?? policy)
  const links = [
    pass('proof/form', 'Claims, receipt, evidence and policy can be read', `${bytes.length} bytes`),
    await checkSignature(parts),
    ...checkLinks(parts),
    ...checkActor(parts),
    checkAssurance(claims, appraisal.assurance),
    checkRequest(claims, expected),
    checkResponse(claims, expected),
    ...checkTrace(claims, expected),
  ]
  const given = [checkFacts(bundle.facts, expected.facts), checkPolicy(parts, own)]
  const reasons = [
    ...links,
    { ...group('proof/appraisal', 'The evidence stands up', appraisal.reasons), status: statusOf(appraisal) },
    ...given,
    ...notChecked(claims),
  ]
  return { ...conclude(links, given, appraisal, bundle.facts, expected), reasons, claims }
}

/** Tier, outcome and summary from the weakest part. */
function conclude(
  links: Reason[],
  given: Reason[],
  appraisal: Verdict,
  relied: ReliedFacts,
  expected: ProofExpectation,
): Omit<Verdict, 'reasons'> {
  const { boot, run, policy, expires, assurance } = appraisal
  const common = { boot, run, policy, expires, assurance }
  const broken = firstFailure([...links, ...given])
  if (broken) return { tier: 'none', outcome: 'silence', ...decidedBy(broken), ...common, assurance: NO_ASSURANCE }
  if (appraisal.tier !== 'affirming') {
    const { tier, outcome, summary, fix } = appraisal
    return { tier, outcome, summary, ...(fix !== undefined && { fix }), ...common }
  }
  const revoked = expected.facts && revokedSince(relied, expected.facts)
  const trusted = expected.facts === undefined
  const summary = revoked
    ? `Expected nothing that is revoked, found that ${revoked} has been revoked since.`
    : trusted
      ? `Expected ledger facts from the caller, found those of the bundle (block ${relied.block.number}): the proof holds if they are true.`
      : `Expected and found a result that follows from what was measured: ${appraisal.summary}`
  if (revoked || trusted) return { tier: 'warning', outcome: 'silence', summary, ...common }
  return { tier: 'affirming', outcome: 'affirm', summary, ...common }
}

function readParts(bytes: Uint8Array): { parts: Parts } | { reason: Reason } {
  try {
    const bundle = parseBundle(bytes)
    const receipt = parseReceipt(bundle.receipt)
    const parts = {
      bundle,
      claims: parseClaims(bundle.claims),
      receipt,
      checkpoint: receiptCheckpoint(receipt, leafInput(bundle.salt, bundle.claims)),
      evidence: parseEvidence(bundle.evidence),
      policy: parsePolicy(bundle.policy),
    }
    return { parts }
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    const failure = { expected: 'a proof of trust', found: `${error.code}: ${error.message}`, source: SOURCE, fix: FIX }
    return { reason: fail('proof/form', 'Claims, receipt, evidence and policy can be read', failure) }
  }
}

/** The leaf leads to a root, and the run's key signed that root: one check, as a wrong path leads to a root nobody signed. */
async function checkSignature({ checkpoint, receipt, evidence }: Parts): Promise<Reason> {
  const { size, sequence } = receipt.checkpoint
  const holds = await verifyCheckpoint(checkpoint, fromHex(evidence.keys.receipt))
  return check('proof/signature', `The run's key signed a checkpoint that holds this result`, holds, {
    expected: `the signature of the quoted receiptKey on checkpoint ${sequence} (leaf ${receipt.index} of ${size})`,
    found: 'one that does not verify over the root that claims, salt and path lead to',
    source: SOURCE,
    fix: FIX,
  })
}

function checkLinks({ bundle, claims, receipt, evidence }: Parts): Reason[] {
  const { checkpoint } = receipt
  const quoted = evidence.checkpoint
  const digest = evidenceDigest(bundle.evidence)
  const run = runDigest(evidence.keys)
  const nodes = new Set([claims.node, checkpoint.node, evidence.node])
  const after = receipt.index >= quoted.size && checkpoint.sequence > quoted.sequence && checkpoint.log === quoted.log
  const rest = { source: SOURCE, fix: FIX }
  return [
    check('proof/evidence', 'The evidence is the one that the claims cite', claims.evidence === digest, {
      expected: `evidence ${short(claims.evidence)}`,
      found: short(digest),
      ...rest,
    }),
    check('proof/run', 'Claims and checkpoint are of the quoted run', claims.run === run && checkpoint.run === run, {
      expected: `run ${short(run)}`,
      found: `claims of ${short(claims.run)}, checkpoint of ${short(checkpoint.run)}`,
      ...rest,
    }),
    check('proof/node', 'Claims, log and evidence are of one node', nodes.size === 1, {
      expected: `node ${short(evidence.node)}`,
      found: [...nodes].map(short).join(', '),
      ...rest,
    }),
    check('proof/order', 'The result came after the quote, in the quoted log', after, {
      expected: `log ${quoted.log} after checkpoint ${quoted.sequence}, from leaf ${quoted.size} on`,
      found: `log ${checkpoint.log}, checkpoint ${checkpoint.sequence}, leaf ${receipt.index}`,
      ...rest,
    }),
    checkBlock(claims, evidence, bundle.facts),
  ]
}

function checkBlock(claims: Claims, evidence: Evidence, facts: ReliedFacts): Reason {
  const title = 'The block that the claims name is known'
  const { number, hash } = claims.block
  const { block } = evidence.chain
  const known = [block, facts.block].find((one) => one.number === number)
  if (number >= block.number && !known) return unchecked('proof/block', title, `hash of block ${number} not at hand`)
  return check('proof/block', title, number >= block.number && known?.hash === hash, {
    expected: known ? `block ${number} with hash ${short(known.hash)}` : `block ${block.number} or later`,
    found: `block ${number} with hash ${short(hash)}`,
    source: SOURCE,
    fix: FIX,
  })
}

function checkActor({ claims, evidence, bundle }: Parts): Reason[] {
  const { name, version } = claims.actor
  const measured = actorDigests(claims).find((digest) => wasMeasured(evidence, digest))
  const entry = bundle.facts.entries.find((one) => one.digest === measured)
  const found = entry ? `version ${entry.version}, ${entry.status}` : 'no such entry'
  const rest = { source: SOURCE, fix: FIX }
  return [
    check('proof/actor', 'The actor was measured with these capabilities before', measured !== undefined, {
      expected: `actor ${name} with ${claims.capabilities.join(', ') || 'no capabilities'} in the quoted C`,
      found: 'no such entry',
      ...rest,
    }),
    check('proof/version', 'The ledger holds the actor in this version', entry?.version === version, {
      expected: `actor ${name} ${version} on the ledger`,
      found,
      ...rest,
    }),
    check('proof/revoked', 'The actor is not revoked', entry !== undefined && entry.status !== 'revoked', {
      expected: `actor ${name} ${version}, not revoked`,
      found,
      source: 'CodeRegistry',
      fix: 'call a version that is current',
    }),
  ]
}

/** Without capabilities, the entry may have empty grants bytes or those of the empty array (spec/proof.md §2.4). */
function actorDigests({ actor: { name, sha256 }, capabilities }: Claims): Digest[] {
  const grants = [encodeGrants(capabilities), ...(capabilities.length === 0 ? [new Uint8Array(0)] : [])]
  return grants.map((bytes) => entryDigest({ kind: EntryKind.actor, name, sha256, grants: bytes }))
}

function wasMeasured(evidence: Evidence, digest: Digest): boolean {
  const [r, c] = [evidence.pcrs[PCR_R], evidence.pcrs[PCR_C]]
  if (r === undefined || c === undefined) return false
  try {
    const records = parseEventLog(evidence.log)
    const quoted = records.slice(0, Math.max(quotedPrefix(records, { r, c }), 0))
    return quoted.some((record) => record.pcr === PCR_C && toHex(record.digest) === digest)
  } catch (error) {
    if (error instanceof TeapotError) return false
    throw error
  }
}

function checkAssurance(claims: Claims, appraised: Assurance): Reason {
  const exceeds = (['integrity', 'confidentiality'] as const).some((claim) => {
    return RANK.indexOf(claims.assurance[claim]) > RANK.indexOf(appraised[claim])
  })
  return check('proof/assurance', 'The node claims no more assurance than its evidence is worth', !exceeds, {
    expected: `integrity ${appraised.integrity}, confidentiality ${appraised.confidentiality}`,
    found: `integrity ${claims.assurance.integrity}, confidentiality ${claims.assurance.confidentiality}`,
    source: SOURCE,
    fix: FIX,
  })
}

function checkRequest(claims: Claims, { request }: ProofExpectation): Reason {
  const title = 'The result answers this request'
  if (!request) return unchecked('proof/request', title, 'request not given')
  const same = claims.actor.name === request.actor && claims.operation === request.operation
  return check('proof/request', title, same && claims.request === requestDigest(request), {
    expected: `${request.actor} ${request.operation}, digest ${short(requestDigest(request))}`,
    found: `${claims.actor.name} ${claims.operation}, digest ${short(claims.request)}`,
    source: SOURCE,
    fix: FIX,
  })
}

function checkResponse(claims: Claims, { response }: ProofExpectation): Reason {
  const title = 'The result is this response'
  if (!response) return unchecked('proof/response', title, 'response not given')
  const same = claims.outcome === response.outcome
  return check('proof/response', title, same && claims.response === responseDigest(response), {
    expected: `${response.outcome}, digest ${short(responseDigest(response))}`,
    found: `${claims.outcome}, digest ${short(claims.response)}`,
    source: SOURCE,
    fix: FIX,
  })
}

/** A call that recorded no trace has nothing to say of one, unless one is held against it. */
function checkTrace({ trace }: Claims, expected: ProofExpectation): Reason[] {
  const title = 'The actor saw of the world what this trace holds'
  if (!expected.trace) return trace ? [unchecked('proof/trace', title, 'trace not given')] : []
  const digest = digestOf(expected.trace)
  const found = trace ? `digest ${short(trace)}` : 'no trace was recorded'
  return [
    check('proof/trace', title, trace === digest, {
      expected: `digest ${short(digest)}`,
      found,
      source: SOURCE,
      fix: FIX,
    }),
  ]
}

/** The policy in the bundle is the caller's own, or one that the ledger holds: then it is worth what the facts are worth. */
function checkPolicy({ bundle, policy }: Parts, own: Policy | undefined): Reason {
  const title = 'The policy is the one to apply'
  const digest = policyEntryDigest(policy)
  if (own && policyEntryDigest(own) === digest) return pass('proof/policy', title, "the caller's own")
  const entry = bundle.facts.entries.find((one) => one.digest === digest)
  const current = entry?.status === 'current' || entry?.status === 'grace'
  return check('proof/policy', title, current, {
    expected: 'a policy that is current or in grace on the ledger',
    found: entry
      ? `${entry.name} ${entry.version}, ${entry.status}`
      : `one with digest ${short(digest)} that is not there`,
    source: 'CodeRegistry',
    fix: 'appraise under the current policy',
  })
}

function notChecked(claims: Claims): Reason[] {
  const reasons = [
    unchecked('proof/standing', 'A later quote of the same boot confirms it', 'provisional'),
    unchecked('proof/anchor', 'Its checkpoint stands on the ledger', 'not looked up'),
  ]
  for (const key of claims.unknown ?? [])
    reasons.push(unchecked('proof/unknown-claim', `Claim ${key}`, 'not understood'))
  return reasons
}

function statusOf({ tier }: Verdict): Reason['status'] {
  return tier === 'affirming' ? 'pass' : 'fail'
}

function nothing(reason: Reason): ProofVerdict {
  return {
    tier: 'none',
    outcome: 'silence',
    assurance: NO_ASSURANCE,
    ...decidedBy(reason),
    reasons: [reason],
    boot: 0,
    run: toHex(new Uint8Array(32)),
    policy: toHex(new Uint8Array(32)),
    expires: 0,
    claims: null,
  }
}
