import type { LedgerFacts } from '../src/index.ts'
import vectors from './swtpm.json' with { type: 'json' }

/** Base64 to bytes, in Node and browsers. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

function quoted(quote: { attest: string; signature: string }) {
  return { attest: fromBase64(quote.attest), signature: fromBase64(quote.signature) }
}

/** One node's evidence and all that an appraisal of it needs, from a software TPM (vectors/make.ts). */
export const swtpm = {
  policy: fromBase64(vectors.policy),
  root: fromBase64(vectors.certificates.root),
  issuer: fromBase64(vectors.certificates.issuer),
  ekP384: fromBase64(vectors.certificates.ekP384),
  ekRsa: fromBase64(vectors.certificates.ekRsa),
  evidence: fromBase64(vectors.evidence),
  /** A fresh copy, for tests that change it. */
  facts: () => structuredClone(vectors.facts) as LedgerFacts,
  quotes: {
    /** By the AK, over PCRs 12, 13 and 14. */
    wide: quoted(vectors.quotes.wide),
    /** By an RSA key and a P-384 key of the same TPM. */
    rsa: quoted(vectors.quotes.rsa),
    p384: quoted(vectors.quotes.p384),
    /** By the AK, of itself. */
    certify: quoted(vectors.quotes.certify),
  },
  /** TPMT_PUBLIC of keys that are no AK by the template. */
  publics: {
    unrestricted: fromBase64(vectors.publics.unrestricted),
    withDa: fromBase64(vectors.publics.withDa),
    p384: fromBase64(vectors.publics.p384),
    rsa: fromBase64(vectors.publics.rsa),
    storage: fromBase64(vectors.publics.storage),
  },
}
