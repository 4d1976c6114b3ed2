import { verifyProof } from '@teapot-network/trust'
import { proofAppraisers } from '@teapot-network/trust/appraisers'
import type { CallRequest, CallResponse, ChildResult } from '@teapot-network/trust/call'
import { encodeBundle, selectFacts } from '@teapot-network/trust/encode'
import type { Attested } from './attest.ts'
import { ProofRefused } from './refusals.ts'

/** A result whose receipt is at hand. */
export type Receipted<T extends CallResponse | ChildResult> = T & { receipt: Uint8Array }

/**
 * Bundles a result's proof with what it rests on (spec/proof.md §7).
 * @param attested the evidence that the claims cite
 * @param children bundles of the results that the claims name as children
 */
export function bundleResult(
  { claims, salt, receipt }: Receipted<CallResponse | ChildResult>,
  { evidence, bytes, policy, references, facts }: Attested,
  children: Uint8Array[],
): Uint8Array {
  return encodeBundle({
    ...{ claims, salt, receipt, evidence: bytes, policy: policy.bytes },
    facts: selectFacts(facts, evidence, policy.policy, references?.bytes),
    ...(references && { references: references.bytes }),
    ...(children.length > 0 && { children }),
  })
}

/**
 * Bundles a result's proof and verifies it as anybody else would (spec/proof.md §9), against the ledger facts that this client read itself.
 * @throws ProofRefused unless the verdict is affirming
 */
export async function proveResult(
  request: CallRequest,
  response: Receipted<CallResponse>,
  attested: Attested,
  children: Uint8Array[] = [],
): Promise<Uint8Array> {
  const bundle = bundleResult(response, attested, children)
  const { facts } = attested
  const { trace } = response
  const known = { request, response, facts, appraisers: proofAppraisers, ...(trace === null ? {} : { trace }) }
  const verdict = await verifyProof(bundle, known)
  if (verdict.tier !== 'affirming') throw new ProofRefused(verdict)
  return bundle
}
