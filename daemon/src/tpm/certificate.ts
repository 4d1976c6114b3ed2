import { X509Certificate } from 'node:crypto'
import { concatBytes, TeapotError } from '@teapot-network/trust'
import { type NvIndex, nvRead } from './commands/nv.ts'
import { readHandles } from './commands/state.ts'
import type { TpmConnection } from './connection.ts'
import { EK_PROFILES, type EkKey, type EkKind } from './templates.ts'
import { isWeakRsa } from './weak-rsa.ts'

/** An EK as its maker's certificate shows it. */
export interface EkCertificates {
  kind: EkKind
  /** DER: the EK certificate, then its issuers as far as the TPM holds them. */
  chain: Uint8Array[]
}

const NV_FIRST = 0x01000000
/** Where a TPM keeps its issuers' certificates (TCG EK Credential Profile 2.5 §2.2.1.5.2). */
export const CHAIN_INDEXES = { first: 0x01c00100, last: 0x01c001ff } as const

/**
 * Reads the best EK certificate, in the order of {@link EK_PROFILES}, and puts its issuers behind it.
 * @param known issuers besides those that the TPM holds: many makers put none into it
 * @throws TeapotError `tpm/no-ek-certificate` when there is none, or it is of another key than its index says
 */
export async function readEkCertificates(
  tpm: TpmConnection,
  known: readonly Uint8Array[] = [],
  signal?: AbortSignal,
): Promise<EkCertificates> {
  const indexes = await readHandles(tpm, NV_FIRST, signal)
  const kinds = Object.keys(EK_PROFILES) as EkKind[]
  const kind = kinds.find((kind) => indexes.includes(EK_PROFILES[kind].certificateIndex))
  if (!kind) {
    const places = kinds.map((kind) => `0x${EK_PROFILES[kind].certificateIndex.toString(16)}`)
    throw noCertificate(`at NV index ${places.join(', ')}`, 'none')
  }
  const { certificateIndex: index, key } = EK_PROFILES[kind]
  const [certificate] = splitDer(await nvRead(tpm, index, signal))
  if (!certificate) throw noCertificate(`at NV index 0x${index.toString(16)}`, 'bytes that are no DER')
  const found = ekKeyOf(certificate)
  if (found !== key) throw noCertificate(`for a ${key} key`, `one for ${found}`)
  const parts: Uint8Array[] = []
  for (const index of indexes) {
    if (index >= CHAIN_INDEXES.first && index <= CHAIN_INDEXES.last)
      parts.push(await nvRead(tpm, index as NvIndex, signal))
  }
  return { kind, chain: chainFrom(certificate, [...splitDer(concatBytes(...parts)), ...known]) }
}

/** A certificate, then out of a heap the issuers that signed up to it, the root left out; what is no certificate is passed over. */
function chainFrom(leaf: Uint8Array, heap: readonly Uint8Array[]): Uint8Array[] {
  const chain = [new X509Certificate(leaf)]
  const issuers = heap.flatMap((der) => {
    try {
      return [new X509Certificate(der)]
    } catch {
      return []
    }
  })
  for (;;) {
    const last = chain.at(-1)!
    const issuer = issuers.find((one) => !chain.includes(one) && last.checkIssued(one) && last.verify(one.publicKey))
    if (!issuer || issuer.checkIssued(issuer)) return chain.map(({ raw }) => new Uint8Array(raw))
    chain.push(issuer)
  }
}

/** The key that a certificate is for. @throws TeapotError `tpm/no-ek-certificate` when it is no certificate of a key that EKs have */
export function ekKeyOf(certificate: Uint8Array): EkKey {
  const key = ekPublicKey(certificate)
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa' && details?.modulusLength === 2048) {
    const modulus = Buffer.from(key.export({ format: 'jwk' }).n!, 'base64url').toString('hex')
    if (!isWeakRsa(BigInt(`0x${modulus}`))) return 'rsa2048'
    throw noCertificate('for a key that its TPM alone knows', 'one that can be factored (CVE-2017-15361)')
  }
  if (type === 'ec' && details?.namedCurve === 'secp384r1') return 'p384'
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'p256'
  throw noCertificate('for P-384, RSA-2048 or P-256', `${type} ${details?.namedCurve ?? details?.modulusLength ?? ''}`)
}

/** A certificate's key. @throws TeapotError `tpm/no-ek-certificate` */
export function ekPublicKey(certificate: Uint8Array) {
  try {
    return new X509Certificate(certificate).publicKey
  } catch (cause) {
    throw noCertificate('in X.509 (DER)', (cause as Error).message)
  }
}

/**
 * The DER SEQUENCEs at the front of some bytes, one after the other, up to the first byte that starts none. NV indexes are often
 * longer than what they hold.
 */
export function splitDer(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  let rest = bytes
  for (let size = derSize(rest); size > 0; size = derSize(rest)) {
    found.push(rest.slice(0, size))
    rest = rest.subarray(size)
  }
  return found
}

/** Size of the SEQUENCE at the front, header included; nought when there is none or it is cut short. */
function derSize(bytes: Uint8Array): number {
  if (bytes.length < 2 || bytes[0] !== 0x30) return 0
  const short = bytes[1]!
  if (short < 0x80) return short + 2 <= bytes.length ? short + 2 : 0
  const count = short & 0x7f
  if (count === 0 || count > 3 || bytes.length < 2 + count) return 0
  const size = 2 + count + bytes.subarray(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0)
  return size <= bytes.length ? size : 0
}

/** The error for a TPM without an EK certificate that serves. */
export function noCertificate(expected: string, found: string): TeapotError {
  return new TeapotError(
    'tpm/no-ek-certificate',
    `Cannot show who made this TPM: expected an EK certificate ${expected}, found ${found}; provision the TPM with its maker's certificate`,
  )
}
