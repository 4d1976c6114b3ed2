import { type ReliedFacts, verifyProof } from '@teapot-network/trust'
import type { CallRequest, CallResponse } from '@teapot-network/trust/call'
import { encodeBundle, selectFacts } from '@teapot-network/trust/encode'
import type { Attested } from './attest.ts'
import { ProofRefused } from './refusals.ts'

/**
 * Bundles a result's proof with what it rests on, and verifies it as anybody else would (spec/proof.md §7, §9), against the ledger
 * facts that this client read itself.
 * @param attested the evidence that the claims cite
 * @throws ProofRefused unless the verdict is affirming
 */
export async function proveResult(
  request: CallRequest,
  response: CallResponse & { receipt: Uint8Array },
  { evidence, bytes, policy, facts }: Attested,
  obtained: ReliedFacts['obtained'],
): Promise<Uint8Array> {
  const { claims, salt, receipt, trace } = response
  const relied = selectFacts(facts, evidence, policy.policy, obtained)
  const bundle = encodeBundle({ claims, salt, receipt, evidence: bytes, policy: policy.bytes, facts: relied })
  const verdict = await verifyProof(bundle, { request, response, facts, ...(trace === null ? {} : { trace }) })
  if (verdict.tier !== 'affirming') throw new ProofRefused(verdict)
  return bundle
}
