import { ekChainProblem, ekDigest } from '../ek.ts'
import type { Evidence } from '../evidence.ts'
import type { LedgerFacts, NodeRecord } from '../ledger-facts.ts'
import type { Policy } from '../policy.ts'
import type { Reason } from '../verdict.ts'
import { check, fail, group, pass, short, unchecked } from './reason.ts'

/** Whether a TPM maker stands behind the EK, and the ledger names that EK (spec/trust-model.md §2.3). */
export async function appraiseEndorsement(
  evidence: Evidence,
  record: NodeRecord | undefined,
  facts: LedgerFacts,
  policy: Policy,
  activated: boolean,
): Promise<Reason> {
  return group('endorsement', 'A TPM maker stands behind it', [
    appraiseDigest(evidence, record),
    await appraiseChain(evidence, policy, facts.block.timestamp),
    appraiseActivation(activated, record),
  ])
}

function appraiseDigest(evidence: Evidence, record: NodeRecord | undefined): Reason {
  const id = 'endorsement/certificate'
  const title = 'The EK is the registered one'
  if (!record) return unchecked(id, title)
  const found = ekDigest(evidence.ek[0])
  return check(id, title, found === record.ekDigest, {
    expected: `an EK with digest ${short(record.ekDigest)}`,
    found: found ? short(found) : 'none',
    source: 'NodeRegistry',
    fix: 'send the certificate of the EK that the node was registered with',
  })
}

/** Whether the EK certificate chains to a root of the policy. @param at seconds since 1970 */
export async function appraiseChain(
  evidence: Pick<Evidence, 'ek' | 'type'>,
  policy: Policy,
  at: number,
): Promise<Reason> {
  const id = 'endorsement/chain'
  const title = 'The EK certificate chains to a root of the policy'
  const problem = await ekChainProblem(evidence.ek, evidence.type, policy, at)
  if (!problem) return pass(id, title)
  return fail(id, title, {
    ...problem,
    source: `policy, roots for ${evidence.type}`,
    fix: "send the EK certificate with its issuers; if the maker's root is missing, propose it for the policy",
  })
}

function appraiseActivation(activated: boolean, record: NodeRecord | undefined): Reason {
  const id = 'endorsement/activation'
  const title = 'AK and EK live in one TPM'
  if (activated) return pass(id, title, 'credential activation by the caller')
  const by = record?.status === 'pending' ? 'nobody yet' : "the ledger's Verifiers"
  return unchecked(id, title, `vouched for by ${by}, not checked here`)
}
