import { equalBytes, toHex } from './bytes.ts'
import { type ChainProblem, signatureHolds } from './certificate-chain.ts'
import { DER, type DerValue, derBoolean, derOid, readDer, refuseDer } from './der.ts'
import { type Certificate, parseSigned, readTime } from './x509.ts'

/** A CA's list of revoked certificates (RFC 5280 §5.1). */
export interface RevocationList extends Pick<Certificate, 'tbs' | 'issuer' | 'signature'> {
  /** thisUpdate and nextUpdate: seconds since 1970, both inclusive. */
  notBefore: number
  notAfter: number
  /** Serial numbers, content octets as hex. */
  revoked: ReadonlySet<string>
}

/**
 * Reads a complete list of version 2.
 * @throws TeapotError `x509/malformed` for a list without nextUpdate, or with a critical extension: we know none, so that lists
 * that are partial, indirect or changes to another list are refused
 */
export function parseCrl(der: Uint8Array): RevocationList {
  return parseSigned(der, parseTbs)
}

/** What keeps a list from being its issuer's word (RFC 5280 §6.3.3); time is not judged here. */
export async function crlProblem(list: RevocationList, issuer: Certificate): Promise<ChainProblem | undefined> {
  if (!equalBytes(list.issuer, issuer.subject)) return { expected: "the issuer's own list", found: "another CA's" }
  if (!issuer.keyUsage?.has('cRLSign')) return { expected: 'an issuer that may sign revocation lists', found: 'no' }
  if (!(await signatureHolds(list, issuer.key))) {
    return { expected: "the issuer's signature on its revocation list", found: 'one that does not verify' }
  }
  return undefined
}

/** Whether the list, which must be that of the certificate's issuer, names it. */
export function isRevoked(list: RevocationList, certificate: Certificate): boolean {
  return list.revoked.has(toHex(certificate.serial))
}

function parseTbs(tbs: DerValue, outerAlgorithm: DerValue): Omit<RevocationList, 'tbs' | 'signature'> {
  const reader = readDer(tbs.content)
  if (toHex(reader.expect(DER.integer).content) !== '0x01') refuseDer('a revocation list of version 2', 'another')
  if (!equalBytes(reader.expect(DER.sequence).whole, outerAlgorithm.whole)) {
    refuseDer('one signature algorithm', 'two that differ')
  }
  const issuer = reader.expect(DER.sequence).whole
  const [notBefore, notAfter] = [readTime(reader), readTime(reader)]
  const entries = reader.optional(DER.sequence)
  const extensions = readDer(reader.expect(0xa0).content)
  reader.end()
  refuseCritical(extensions.expect(DER.sequence))
  extensions.end()
  return { issuer, notBefore, notAfter, revoked: entries ? parseEntries(entries) : new Set() }
}

function parseEntries(entries: DerValue): Set<string> {
  const revoked = new Set<string>()
  for (const reader = readDer(entries.content); !reader.done; ) {
    const entry = reader.sequence()
    revoked.add(toHex(entry.expect(DER.integer).content))
    readTime(entry)
    const extensions = entry.optional(DER.sequence)
    entry.end()
    if (extensions) refuseCritical(extensions)
  }
  return revoked
}

/** Revocation reasons and list numbers are not critical, and change nothing for us. */
function refuseCritical(extensions: DerValue): void {
  for (const reader = readDer(extensions.content); !reader.done; ) {
    const extension = reader.sequence()
    const oid = derOid(extension.expect(DER.oid))
    const critical = extension.optional(DER.boolean)
    extension.expect(DER.octetString)
    extension.end()
    if (critical && derBoolean(critical)) refuseDer('no critical extension', oid)
  }
}
