import type { Digest } from './bytes.ts'
import { type ChainProblem, checkChain, type HeldChain, validityProblem } from './certificate-chain.ts'
import { digestOf } from './digest.ts'
import type { EvidenceType } from './evidence.ts'
import { createMemo, type Memo } from './memo.ts'
import type { Policy } from './policy.ts'
import { TeapotError } from './teapot-error.ts'
import { type Certificate, type KeyUsage, parseCertificate } from './x509.ts'

/** tcg-kp-EKCertificate: the extended key usage that every EK certificate carries. */
const EK_USAGE = '2.23.133.8.1'

/**
 * How a node's EK is known on the ledger, and any key to a policy that revokes it: SHA-256 of the certificate's SubjectPublicKeyInfo.
 * Of the certificate itself there is no one digest: whoever has an ECDSA signature can make another (r, n - s).
 * @returns undefined for bytes that are no certificate
 */
export function ekDigest(certificate: Uint8Array | undefined): Digest | undefined {
  try {
    return certificate && known(digestOf(certificate), () => keyDigest(parseCertificate(certificate)))
  } catch {
    return undefined
  }
}

const known = createMemo<Digest>()

function keyDigest({ key }: Certificate): Digest {
  return digestOf(key.spki)
}

/**
 * What keeps an EK chain from ending at a root that the policy names for this type of evidence; undefined when nothing.
 * The outcome for the same bytes and policy is remembered; time is judged each time.
 * @param chain DER, the EK certificate first
 * @param at seconds since 1970
 */
export async function ekChainProblem(
  chain: readonly Uint8Array[],
  type: EvidenceType,
  policy: Policy,
  at: number,
): Promise<ChainProblem | undefined> {
  const remember = checked.get(policy) ?? createMemo<Promise<HeldChain | ChainProblem>>()
  checked.set(policy, remember)
  const held = await remember([type, ...chain.map(digestOf)].join(), () => checkEkChain(chain, type, policy))
  return 'found' in held ? held : validityProblem(held, at)
}

const checked = new WeakMap<Policy, Memo<Promise<HeldChain | ChainProblem>>>()

async function checkEkChain(
  chain: readonly Uint8Array[],
  type: EvidenceType,
  policy: Policy,
): Promise<HeldChain | ChainProblem> {
  try {
    const certificates = chain.map(parseCertificate)
    const problem = certificates[0] && leafProblem(certificates[0])
    if (problem) return problem
    const revoked = certificates.map(keyDigest).find((digest) => policy.revoked?.includes(digest))
    if (revoked) return { expected: 'keys that are not revoked', found: revoked }
    const roots = policy.ekRoots.filter(([rootType]) => rootType === type).map(([, der]) => parseCertificate(der))
    return await checkChain(certificates, roots)
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return { expected: 'certificates that can be read', found: error.message }
  }
}

/** What an EK certificate must say of itself (TCG EK Credential Profile §3.2). */
function leafProblem(leaf: Certificate): ChainProblem | undefined {
  const usage: KeyUsage = leaf.key.type === 'rsa' ? 'keyEncipherment' : 'keyAgreement'
  if (!leaf.extendedKeyUsage.includes(EK_USAGE)) {
    return { expected: `extended key usage ${EK_USAGE}`, found: leaf.extendedKeyUsage.join() || 'none' }
  }
  if (!leaf.hasSubjectAltName) return { expected: "the TPM's maker and model as subjectAltName", found: 'none' }
  if (!leaf.keyUsage?.has(usage))
    return { expected: `key usage ${usage}`, found: [...(leaf.keyUsage ?? [])].join() || 'none' }
  return undefined
}
