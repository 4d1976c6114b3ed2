import { equalBytes } from './bytes.ts'
import { DER, positiveInteger, soleSequence } from './der.ts'
import type { Certificate, CertificateKey, CertificateSignature } from './x509.ts'

/** What keeps a chain from holding: for a reason's `expected` and `found`. */
export interface ChainProblem {
  expected: string
  found: string
  /** Which certificate of the chain is not endorsed, the leaf being 0; where one is to blame. */
  link?: number
}

/** A chain whose signatures hold, and when it is valid. */
export interface HeldChain {
  /** Seconds since 1970, both inclusive: all certificates and the root are valid then. */
  notBefore: number
  notAfter: number
}

/**
 * Checks that `chain` (leaf first, each followed by its issuer) ends at one of the roots: names, signatures,
 * CA flags, key usage and path lengths (RFC 5280 §6). Validity in time is returned, not judged.
 */
export async function checkChain(
  chain: readonly Certificate[],
  roots: readonly Certificate[],
): Promise<HeldChain | ChainProblem> {
  const last = chain.at(-1)
  if (!last) return { expected: 'a certificate', found: 'none' }
  if (chain[0]!.isCa) return { expected: 'a leaf that is no CA', found: 'a CA' }
  for (let i = 0; i + 1 < chain.length; i++) {
    const problem = await linkProblem(chain[i]!, chain[i + 1]!, i)
    if (problem) return { ...problem, link: i }
  }
  let problem: ChainProblem | undefined
  for (const root of roots) {
    problem = await linkProblem(last, root, chain.length - 1)
    if (!problem) {
      const all = [...chain, root]
      return {
        notBefore: Math.max(...all.map((certificate) => certificate.notBefore)),
        notAfter: Math.min(...all.map((certificate) => certificate.notAfter)),
      }
    }
  }
  if (problem) return { ...problem, link: chain.length - 1 }
  return { expected: 'a root for this evidence type in the policy', found: 'none' }
}

/** What keeps a chain, or a list of revoked certificates, from being valid then. @param at seconds since 1970 */
export function validityProblem({ notBefore, notAfter }: HeldChain, at: number): ChainProblem | undefined {
  if (at >= notBefore && at <= notAfter) return undefined
  const found = at < notBefore ? `from ${date(notBefore)}` : `until ${date(notAfter)}`
  return { expected: `validity at ${date(at)}`, found }
}

/** What keeps `issuer` from standing behind `subject`, which has `below` certificates beneath it. */
async function linkProblem(
  subject: Certificate,
  issuer: Certificate,
  below: number,
): Promise<ChainProblem | undefined> {
  if (!equalBytes(subject.issuer, issuer.subject)) return { expected: 'the issuer that it names', found: 'another' }
  if (!issuer.isCa) return { expected: 'an issuer that is a CA', found: 'one that is none' }
  if (!issuer.keyUsage?.has('keyCertSign')) return { expected: 'an issuer that may sign certificates', found: 'no' }
  if (issuer.pathLength !== undefined && issuer.pathLength < below) {
    return { expected: `at most ${issuer.pathLength} CAs beneath the issuer`, found: `${below}` }
  }
  if (!(await signatureHolds(subject, issuer.key))) {
    return { expected: "its issuer's signature", found: 'one that does not verify' }
  }
  return undefined
}

/** Whether `key` signed `subject`: a certificate, or a list of revoked ones. */
export async function signatureHolds(
  subject: Pick<Certificate, 'tbs' | 'signature'>,
  key: CertificateKey,
): Promise<boolean> {
  const { scheme, hash } = subject.signature
  if ((scheme === 'ECDSA') !== (key.type === 'ec')) return false
  const algorithm = key.type === 'ec' ? { name: scheme, namedCurve: key.curve } : { name: scheme, hash }
  try {
    const imported = await crypto.subtle.importKey('spki', new Uint8Array(key.spki), algorithm, false, ['verify'])
    const raw = rawSignature(subject.signature, key)
    // The salt length is heeded by RSA-PSS alone.
    return await crypto.subtle.verify(
      { name: scheme, hash, saltLength: 48 },
      imported,
      raw,
      new Uint8Array(subject.tbs),
    )
  } catch {
    return false
  }
}

/** WebCrypto wants r‖s where X.509 has SEQUENCE { r, s }. */
function rawSignature(signature: CertificateSignature, key: CertificateKey): Uint8Array<ArrayBuffer> {
  if (key.type === 'rsa') return new Uint8Array(signature.value)
  const numbers = soleSequence(signature.value)
  const size = key.x.length
  const raw = new Uint8Array(size * 2)
  for (const half of [raw.subarray(0, size), raw.subarray(size)]) {
    const number = positiveInteger(numbers.expect(DER.integer))
    half.set(number, size - number.length)
  }
  numbers.end()
  return raw
}

function date(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19)
}
