import { X509Certificate } from 'node:crypto'
import { concatBytes, TeapotError } from '@teapot-network/trust'
import { type NvIndex, nvRead } from './commands/nv.ts'
import { readHandles } from './commands/state.ts'
import type { TpmConnection } from './connection.ts'
import { EK_PROFILES, type EkKind } from './templates.ts'

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
 * Reads the best EK certificate (P-384, then RSA-2048, then P-256) and the issuers beside it from NV.
 * @throws TeapotError `tpm/no-ek-certificate` when there is none, or it is of another key than its index says
 */
export async function readEkCertificates(tpm: TpmConnection, signal?: AbortSignal): Promise<EkCertificates> {
  const indexes = await readHandles(tpm, NV_FIRST, signal)
  const kinds = Object.keys(EK_PROFILES) as EkKind[]
  const kind = kinds.find((kind) => indexes.includes(EK_PROFILES[kind].certificateIndex))
  if (!kind) throw noCertificate('at NV index 0x1c00016, 0x1c00002 or 0x1c0000a', 'none')
  const index = EK_PROFILES[kind].certificateIndex
  const [certificate] = splitDer(await nvRead(tpm, index, signal))
  if (!certificate) throw noCertificate(`at NV index 0x${index.toString(16)}`, 'bytes that are no DER')
  const found = ekKindOf(certificate)
  if (found !== kind) throw noCertificate(`for a ${kind} key`, `one for ${found}`)
  const parts: Uint8Array[] = []
  for (const index of indexes) {
    if (index >= CHAIN_INDEXES.first && index <= CHAIN_INDEXES.last)
      parts.push(await nvRead(tpm, index as NvIndex, signal))
  }
  return { kind, chain: [certificate, ...splitDer(concatBytes(...parts))] }
}

/** The kind of EK that a certificate is for. @throws TeapotError `tpm/no-ek-certificate` when it is no certificate of a kind we know */
export function ekKindOf(certificate: Uint8Array): EkKind {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = ekPublicKey(certificate)
  if (type === 'rsa' && details?.modulusLength === 2048) return 'rsa2048'
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

function noCertificate(expected: string, found: string): TeapotError {
  return new TeapotError(
    'tpm/no-ek-certificate',
    `Cannot show who made this TPM: expected an EK certificate ${expected}, found ${found}; provision the TPM with its maker's certificate`,
  )
}
