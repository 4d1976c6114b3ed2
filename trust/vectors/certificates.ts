import { concatBytes, fromHex, utf8 } from '../src/index.ts'

/** A certificate key. */
export interface KeyPair {
  privateKey: CryptoKey
  publicKey: CryptoKey
}

/** What a test certificate says; whatever is left out is as in a good EK chain. */
export interface CertificatePlan {
  subject: string
  issuer: string
  key: KeyPair
  signer: KeyPair
  /** Below 128. */
  serial?: number
  /** `YYYYMMDDHHMMSSZ` */
  notBefore?: string
  notAfter?: string
  ca?: boolean
  pathLength?: number
  /** Content of the key usage BIT STRING, e.g. `0204` for keyCertSign. */
  keyUsage?: string
  /** DER of more extensions. */
  extensions?: Uint8Array[]
  /** Signature algorithm named in the signed part, if it is to differ from the outer one. */
  innerAlgorithm?: Uint8Array
}

/** Certificate keys: P-256, P-384 or RSA-2048, signing with the named hash; or RSA-PSS with SHA-384, as AMD's. */
export function makeKey(kind: 'P-256' | 'P-384' | 'SHA-256' | 'SHA-384' | 'RSA-PSS'): Promise<KeyPair> {
  const isPss = kind === 'RSA-PSS'
  const name = isPss ? kind : 'RSASSA-PKCS1-v1_5'
  const algorithm = kind.startsWith('P')
    ? { name: 'ECDSA', namedCurve: kind }
    : { name, modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: isPss ? 'SHA-384' : kind }
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<KeyPair>
}

/** One DER value. */
export function der(tag: number, ...content: Uint8Array[]): Uint8Array {
  const body = concatBytes(...content)
  const length = body.length
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return concatBytes(Uint8Array.of(tag, ...head), body)
}

/** An extension by the content octets of its OID. */
export function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [der(0x01, Uint8Array.of(0xff))] : []
  return der(0x30, der(0x06, fromHex(`0x${oid}`)), ...flag, der(0x04, value))
}

/** id-kp of EK certificates, and a subjectAltName: what an EK certificate needs besides the ordinary. */
export const EK_EXTENSIONS = [
  extension('551d25', false, der(0x30, der(0x06, fromHex('0x6781050801')))),
  extension('551d11', true, der(0x30, der(0xa4, der(0x30)))),
]

const ALGORITHMS: Record<string, string> = {
  'P-256': '06082a8648ce3d040302',
  'P-384': '06082a8648ce3d040303',
  'SHA-256': '06092a864886f70d01010b0500',
  'SHA-384': '06092a864886f70d01010c0500',
  'RSA-PSS':
    '06092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130',
}

/** Makes and signs a certificate. */
export async function makeCertificate(plan: CertificatePlan): Promise<Uint8Array> {
  const algorithm = algorithmOf(plan.signer)
  const basic = [
    ...(plan.ca ? [der(0x01, Uint8Array.of(0xff))] : []),
    ...(plan.pathLength === undefined ? [] : [der(0x02, Uint8Array.of(plan.pathLength))]),
  ]
  const extensions = [
    extension('551d13', true, der(0x30, ...basic)),
    ...(plan.keyUsage === ''
      ? []
      : [extension('551d0f', true, der(0x03, fromHex(`0x${plan.keyUsage ?? (plan.ca ? '0204' : '0308')}`)))]),
    ...(plan.extensions ?? []),
  ]
  const tbs = der(
    0x30,
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(plan.serial ?? 1)),
    plan.innerAlgorithm ?? algorithm,
    name(plan.issuer),
    der(
      0x30,
      der(0x18, utf8(plan.notBefore ?? '20200101000000Z')),
      der(0x18, utf8(plan.notAfter ?? '20991231235959Z')),
    ),
    name(plan.subject),
    new Uint8Array(await crypto.subtle.exportKey('spki', plan.key.publicKey)),
    der(0xa3, der(0x30, ...extensions)),
  )
  return seal(tbs, plan.signer)
}

/** What a list of revoked certificates says. */
export interface CrlPlan {
  issuer: string
  signer: KeyPair
  /** Serial numbers below 128. */
  revoked: number[]
  /** `YYYYMMDDHHMMSSZ` */
  thisUpdate?: string
  nextUpdate?: string
}

/** Makes and signs a list of revoked certificates (RFC 5280 §5.1). */
export async function makeCrl(plan: CrlPlan): Promise<Uint8Array> {
  const entries = plan.revoked.map((serial) =>
    der(0x30, der(0x02, Uint8Array.of(serial)), der(0x18, utf8('20200101000000Z'))),
  )
  const tbs = der(
    0x30,
    der(0x02, Uint8Array.of(1)),
    algorithmOf(plan.signer),
    name(plan.issuer),
    der(0x18, utf8(plan.thisUpdate ?? '20200101000000Z')),
    der(0x18, utf8(plan.nextUpdate ?? '20991231235959Z')),
    ...(entries.length > 0 ? [der(0x30, ...entries)] : []),
    der(0xa0, der(0x30, extension('551d14', false, der(0x02, Uint8Array.of(1))))),
  )
  return seal(tbs, plan.signer)
}

async function seal(tbs: Uint8Array, signer: KeyPair): Promise<Uint8Array> {
  return der(0x30, tbs, algorithmOf(signer), der(0x03, Uint8Array.of(0), await sign(signer, tbs)))
}

function algorithmOf(pair: KeyPair): Uint8Array {
  return der(0x30, fromHex(`0x${ALGORITHMS[keyKind(pair)]}`))
}

function keyKind({ privateKey: { algorithm } }: KeyPair): string {
  const { name, namedCurve, hash } = algorithm as { name: string; namedCurve?: string; hash?: { name: string } }
  return name === 'RSA-PSS' ? name : (namedCurve ?? hash!.name)
}

async function sign(pair: KeyPair, tbs: Uint8Array): Promise<Uint8Array> {
  const kind = keyKind(pair)
  const hash = kind === 'RSA-PSS' ? 'SHA-384' : kind.replace('P-', 'SHA-')
  const algorithm = { name: pair.privateKey.algorithm.name, hash, saltLength: 48 }
  const raw = new Uint8Array(await crypto.subtle.sign(algorithm, pair.privateKey, new Uint8Array(tbs)))
  if (!kind.startsWith('P')) return raw
  return der(0x30, integer(raw.subarray(0, raw.length / 2)), integer(raw.subarray(raw.length / 2)))
}

function integer(bytes: Uint8Array): Uint8Array {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const magnitude = bytes.subarray(start)
  return der(0x02, magnitude[0]! >= 0x80 ? concatBytes(Uint8Array.of(0), magnitude) : magnitude)
}

function name(text: string): Uint8Array {
  return der(0x30, der(0x31, der(0x30, der(0x06, fromHex('0x550403')), der(0x0c, utf8(text)))))
}
