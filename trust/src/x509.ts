import { toHex } from './bytes.ts'
import {
  DER,
  type DerReader,
  type DerValue,
  derBoolean,
  derOid,
  derTime,
  positiveInteger,
  readDer,
  refuseDer,
  soleSequence,
  wholeBits,
} from './der.ts'

/** How a certificate is signed. */
export interface CertificateSignature {
  scheme: 'RSASSA-PKCS1-v1_5' | 'RSA-PSS' | 'ECDSA'
  hash: 'SHA-256' | 'SHA-384'
  /** The BIT STRING's bytes. */
  value: Uint8Array
}

/** An X.509 v3 certificate (RFC 5280), as much of it as the chains of TPM and CPU makers need. */
export interface Certificate {
  /** The signed part. */
  tbs: Uint8Array
  /** The serial number's content octets. */
  serial: Uint8Array
  /** DER Names, compared bytewise. */
  issuer: Uint8Array
  subject: Uint8Array
  /** Seconds since 1970, both inclusive. */
  notBefore: number
  notAfter: number
  key: CertificateKey
  signature: CertificateSignature
  isCa: boolean
  /** How many CAs may stand between this one and the leaf; undefined when not limited. */
  pathLength: number | undefined
  /** Undefined when the extension is absent. */
  keyUsage: ReadonlySet<KeyUsage> | undefined
  /** Dotted OIDs. */
  extendedKeyUsage: readonly string[]
  hasSubjectAltName: boolean
  /** The value of each extension, by dotted OID. */
  extensions: ReadonlyMap<string, Uint8Array>
}

/** A certificate's key: SPKI for WebCrypto, and its parts. */
export type CertificateKey = { spki: Uint8Array } & (
  | { type: 'rsa'; modulus: Uint8Array; exponent: Uint8Array }
  | { type: 'ec'; curve: 'P-256' | 'P-384'; x: Uint8Array; y: Uint8Array }
)

/** The bits of the key usage extension that we ask for, in its first byte (RFC 5280 §4.2.1.3). */
const KEY_USAGES = { keyEncipherment: 0x20, keyAgreement: 0x08, keyCertSign: 0x04, cRLSign: 0x02 } as const
/** What a key may be used for, of what we ask for. */
export type KeyUsage = keyof typeof KEY_USAGES

const SIGNATURES: Readonly<Record<string, Pick<CertificateSignature, 'scheme' | 'hash'>>> = {
  '1.2.840.113549.1.1.11': { scheme: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  '1.2.840.113549.1.1.12': { scheme: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' },
  '1.2.840.113549.1.1.10': { scheme: 'RSA-PSS', hash: 'SHA-384' },
  '1.2.840.10045.4.3.2': { scheme: 'ECDSA', hash: 'SHA-256' },
  '1.2.840.10045.4.3.3': { scheme: 'ECDSA', hash: 'SHA-384' },
}
/** SHA-384, MGF1 with SHA-384, 48 bytes of salt (RFC 4055 §3.1); some of AMD's spell out the trailer field too. */
const PSS_PARAMETERS = /^0xa00f(300d06096086480165030402020500)a11c301a06092a864886f70d010108\1a203020130(a303020101)?$/
const RSA_KEY = '1.2.840.113549.1.1.1'
const EC_KEY = '1.2.840.10045.2.1'
const CURVES: Readonly<Record<string, { curve: 'P-256' | 'P-384'; size: number }>> = {
  '1.2.840.10045.3.1.7': { curve: 'P-256', size: 32 },
  '1.3.132.0.34': { curve: 'P-384', size: 48 },
}
const EXTENSION = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
} as const

/**
 * Reads one certificate.
 * @throws TeapotError `x509/malformed` for anything but a v3 certificate in DER with an RSA, P-256 or P-384 key,
 * a signature algorithm that we check, and no critical extension that we do not know
 */
export function parseCertificate(der: Uint8Array): Certificate {
  return parseSigned(der, parseTbs)
}

/** Reads what an X.509 issuer signed: certificates and revocation lists have one frame. @throws TeapotError `x509/malformed` */
export function parseSigned<T>(der: Uint8Array, parseTbs: (tbs: DerValue, algorithm: DerValue) => T) {
  const signed = soleSequence(der)
  const tbs = signed.expect(DER.sequence)
  const algorithm = signed.expect(DER.sequence)
  const value = wholeBits(signed.expect(DER.bitString))
  signed.end()
  return { ...parseTbs(tbs, algorithm), tbs: tbs.whole, signature: { ...signatureAlgorithm(algorithm), value } }
}

function parseTbs(tbs: DerValue, outerAlgorithm: DerValue): Omit<Certificate, 'tbs' | 'signature'> {
  const reader = readDer(tbs.content)
  const version = readDer(reader.expect(0xa0).content)
  if (toHex(version.expect(DER.integer).content) !== '0x02') refuseDer('version 3', 'another')
  version.end()
  const serial = reader.expect(DER.integer).content
  if (toHex(reader.expect(DER.sequence).whole) !== toHex(outerAlgorithm.whole)) {
    refuseDer('one signature algorithm', 'two that differ')
  }
  const issuer = reader.expect(DER.sequence).whole
  const validity = reader.sequence()
  const [notBefore, notAfter] = [readTime(validity), readTime(validity)]
  validity.end()
  const subject = reader.expect(DER.sequence).whole
  const key = parseKey(reader.expect(DER.sequence))
  const extensions = readDer(reader.expect(0xa3).content)
  reader.end()
  const parsed = parseExtensions(extensions.expect(DER.sequence))
  extensions.end()
  return { serial, issuer, subject, notBefore, notAfter, key, ...parsed }
}

/** The next value as a Time (RFC 5280 §4.1.2.5), in seconds since 1970. @throws TeapotError `x509/malformed` */
export function readTime(reader: DerReader): number {
  return derTime(reader.optional(DER.utcTime) ?? reader.expect(DER.generalizedTime))
}

/** What an AlgorithmIdentifier says. @throws TeapotError `x509/malformed` for an algorithm that we do not check */
export function signatureAlgorithm(algorithm: DerValue): Pick<CertificateSignature, 'scheme' | 'hash'> {
  const reader = readDer(algorithm.content)
  const oid = derOid(reader.expect(DER.oid))
  const known = SIGNATURES[oid]
  if (!known) return refuseDer('RSA or ECDSA with SHA-256 or SHA-384', oid)
  if (known.scheme === 'RSA-PSS') {
    const parameters = toHex(reader.expect(DER.sequence).content)
    if (!PSS_PARAMETERS.test(parameters)) refuseDer('RSA-PSS with SHA-384 throughout', parameters)
  } else if (reader.optional(DER.null)?.content.length) refuseDer('NULL parameters', 'content in NULL')
  reader.end()
  return known
}

function parseKey(spki: DerValue): CertificateKey {
  const reader = readDer(spki.content)
  const algorithm = reader.sequence()
  const bits = wholeBits(reader.expect(DER.bitString))
  reader.end()
  const oid = derOid(algorithm.expect(DER.oid))
  if (oid === EC_KEY) {
    const curve = derOid(algorithm.expect(DER.oid))
    algorithm.end()
    const known = CURVES[curve]
    if (!known) return refuseDer('curve P-256 or P-384', curve)
    if (bits[0] !== 4 || bits.length !== 1 + known.size * 2) refuseDer('an uncompressed point', `${bits.length} bytes`)
    const [x, y] = [bits.subarray(1, 1 + known.size), bits.subarray(1 + known.size)]
    return { spki: spki.whole, type: 'ec', curve: known.curve, x, y }
  }
  if (oid !== RSA_KEY) return refuseDer('an RSA or EC key', oid)
  algorithm.expect(DER.null)
  algorithm.end()
  const numbers = soleSequence(bits)
  const modulus = positiveInteger(numbers.expect(DER.integer))
  const exponent = positiveInteger(numbers.expect(DER.integer))
  numbers.end()
  if (modulus.length < 256) refuseDer('RSA of 2048 bits or more', `${modulus.length * 8} bits`)
  return { spki: spki.whole, type: 'rsa', modulus, exponent }
}

type Extensions = Pick<
  Certificate,
  'isCa' | 'pathLength' | 'keyUsage' | 'extendedKeyUsage' | 'hasSubjectAltName' | 'extensions'
>

function parseExtensions(list: DerValue): Extensions {
  const extensions = new Map<string, Uint8Array>()
  const found: Extensions = {
    isCa: false,
    pathLength: undefined,
    keyUsage: undefined,
    extendedKeyUsage: [],
    hasSubjectAltName: false,
    extensions,
  }
  const reader = readDer(list.content)
  while (!reader.done) {
    const extension = reader.sequence()
    const oid = derOid(extension.expect(DER.oid))
    const criticalFlag = extension.optional(DER.boolean)
    const value = extension.expect(DER.octetString).content
    extension.end()
    if (extensions.has(oid)) refuseDer('each extension once', `${oid} twice`)
    extensions.set(oid, value)
    if (!applyExtension(found, oid, readDer(value)) && criticalFlag && derBoolean(criticalFlag)) {
      refuseDer('critical extensions that we know', oid)
    }
  }
  return found
}

/** Takes one extension in; false when it is none of those that we read. */
function applyExtension(found: Extensions, oid: string, value: DerReader): boolean {
  if (oid === EXTENSION.basicConstraints) Object.assign(found, parseBasicConstraints(value.expect(DER.sequence)))
  else if (oid === EXTENSION.keyUsage) found.keyUsage = parseKeyUsage(value.expect(DER.bitString))
  else if (oid === EXTENSION.extendedKeyUsage) found.extendedKeyUsage = parseOids(value.expect(DER.sequence))
  else if (oid === EXTENSION.subjectAltName) found.hasSubjectAltName = value.expect(DER.sequence).content.length > 0
  else return false
  value.end()
  return true
}

function parseBasicConstraints(value: DerValue): Pick<Extensions, 'isCa' | 'pathLength'> {
  const reader = readDer(value.content)
  const ca = reader.optional(DER.boolean)
  const length = reader.optional(DER.integer)
  reader.end()
  if (length && (length.content.length !== 1 || length.content[0]! > 127)) refuseDer('a path length', 'another')
  return { isCa: ca !== undefined && derBoolean(ca), pathLength: length?.content[0] }
}

function parseKeyUsage(value: DerValue): Set<KeyUsage> {
  const [unused, bits = 0] = value.content
  if (unused === undefined || unused > 7 || value.content.length > 3) refuseDer('key usage bits', 'another bit string')
  return new Set((Object.keys(KEY_USAGES) as KeyUsage[]).filter((name) => bits & KEY_USAGES[name]))
}

function parseOids(value: DerValue): string[] {
  const reader = readDer(value.content)
  const oids: string[] = []
  while (!reader.done) oids.push(derOid(reader.expect(DER.oid)))
  return oids
}
