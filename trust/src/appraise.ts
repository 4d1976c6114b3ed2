import { appraiseBeneath, NOTHING, type PlatformAppraiser, type TeeAppraiser } from './appraise/beneath.ts'
import { appraiseEndorsement } from './appraise/endorsement.ts'
import { appraiseIdentity } from './appraise/identity.ts'
import { indexLedger } from './appraise/ledger-index.ts'
import { appraiseMeasurements, type Weighed } from './appraise/measurements.ts'
import { appraiseQuote } from './appraise/quote.ts'
import { check, decidedBy, firstFailure, short, unchecked } from './appraise/reason.ts'
import type { Digest, Hex, NodeId } from './bytes.ts'
import { createKnownLog, type KnownLog, PCR_R } from './event-log.ts'
import { type Evidence, runDigest } from './evidence.ts'
import type { LedgerFacts } from './ledger-facts.ts'
import { type Policy, policyDigest } from './policy.ts'
import type { Reason, Verdict } from './verdict.ts'

/** What whoever asks for the appraisal knows of the node beforehand. */
export interface AppraisalExpectation {
  /** The node that was asked, where it was one. */
  node?: NodeId
  /** The nonce that the quote must answer: `epochNonce`, or one's own. */
  nonce: Digest
  /** The Ed25519 key of the connection that the evidence came over. Without it, a mismatch is no ground for a vote. */
  peerKey?: Hex
}

/** What makes an appraisal say more. */
export interface AppraisalOptions {
  /** Hashes of blocks besides the facts' own, by number: to check the block that the quote names. */
  knownBlocks?: ReadonlyMap<number, Digest>
  /** Whether the caller has itself shown by credential activation that this AK lives beside this EK. */
  activated?: boolean
  /** What is remembered of this node's log; the appraisal adds to it. */
  known?: KnownLog
  /** What appraises firmware, boot loader and kernel; without it they count for nothing. */
  platform?: PlatformAppraiser
  /** What appraises the reports of enclaves, a maker each; those of other makers count for nothing. */
  tee?: readonly TeeAppraiser[]
}

/**
 * Appraises one node's evidence against the ledger and a policy (RFC 9334 §8; spec/trust-model.md §2 and §4).
 * Pure: the time is the timestamp of the facts' block. Facts and policy must not change afterwards, as what is
 * derived from them is remembered. Never throws for what the evidence says.
 */
export async function appraise(
  evidence: Evidence,
  expected: AppraisalExpectation,
  facts: LedgerFacts,
  policy: Policy,
  options: AppraisalOptions = {},
): Promise<Verdict> {
  const index = indexLedger(facts)
  const record = index.nodes.get(evidence.node)
  const identity = appraiseIdentity(evidence, record, expected.node)
  const quote = await appraiseQuote(evidence, identity.ak, { ...expected, ...options }, facts, policy)
  const grounds = [
    appraiseType(evidence, policy),
    identity.reason,
    await appraiseEndorsement(evidence, record, facts, policy, options.activated ?? false),
    quote.reason,
  ]
  const expires = facts.epoch.openedAt + policy.freshSeconds
  const common = {
    ...{ boot: quote.boot, run: runDigest(evidence.keys) },
    ...{ policy: policyDigest(policy), expires, assurance: NOTHING },
  }
  const ground = firstFailure(grounds)
  if (ground) {
    const reasons = [...grounds, unchecked('measurements', 'What was measured', 'no valid quote')]
    return { tier: 'none', outcome: 'silence', ...decidedBy(ground), reasons, ...common }
  }
  const beneath = await appraiseBeneath(evidence, facts.block.timestamp, options)
  const known = options.known ?? createKnownLog()
  const weighed = [
    ...appraiseMeasurements(evidence, facts, index, known),
    ...beneath.weighed,
    appraiseFreshness(facts, expires),
  ]
  const reasons = [...grounds, ...weighed.map(({ reason }) => reason)]
  const worst = worstOf(weighed)
  if (worst) {
    const { tier, outcome } = worst
    return { tier, outcome, ...decidedBy(firstFailure([worst.reason])!), reasons, ...common }
  }
  const release = index.referenceValues.get(evidence.pcrs[PCR_R]!)!.release
  const summary =
    `Expected and found release ${release} on node ${short(evidence.node)}, ` +
    `with nothing measured that the ledger of block ${facts.block.number} does not hold.`
  return { tier: 'affirming', outcome: 'affirm', summary, reasons, ...common, assurance: beneath.assurance }
}

function appraiseType(evidence: Evidence, policy: Policy): Reason {
  return check(
    'type',
    `The policy takes evidence of type ${evidence.type}`,
    policy.types.includes(evidence.type),
    () => ({
      expected: `evidence of type ${policy.types.join(' or ')}`,
      found: evidence.type,
      source: 'policy',
      fix: 'run the node on a TPM of a type that the policy takes',
    }),
  )
}

/** Staleness is the facts', not the node's: nobody may rely on the verdict, but a network that stood still can vote itself on. */
function appraiseFreshness({ block, epoch }: LedgerFacts, expires: number): Weighed {
  const reason = check('freshness', 'The epoch is a fresh one', block.timestamp <= expires, () => ({
    expected: `an epoch that opened at most ${expires - epoch.openedAt} seconds ago`,
    found: `epoch ${epoch.number}, opened ${block.timestamp - epoch.openedAt} seconds before block ${block.number}`,
    source: 'policy, freshSeconds',
    fix: 'wait for the next epoch, or read the ledger anew',
  }))
  return { tier: 'none', outcome: 'affirm', reason }
}

/** A mismatch outweighs all else: it is the only outcome that slashes. Otherwise the first failure counts. */
function worstOf(weighed: readonly Weighed[]): Weighed | undefined {
  const failed = weighed.filter(({ reason }) => reason.status === 'fail')
  return failed.find(({ outcome }) => outcome === 'mismatch') ?? failed[0]
}
