import { concatBytes, fromHex } from '@teapot-network/trust'
import { ALG, CURVE, sized, u16, u32 } from './wire.ts'

/**
 * A public area up to its unique point: ECC P-256, nameAlg SHA-256, fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA,
 * restricted, sign; ECDSA with SHA-256. With x and y behind it, it is the AK's TPMT_PUBLIC (spec/launch.md §1).
 */
export const AK_PREFIX: Uint8Array = concatBytes(
  u16(ALG.ecc),
  u16(ALG.sha256),
  u32(0x00050472),
  sized(),
  u16(ALG.null),
  u16(ALG.ecdsa),
  u16(ALG.sha256),
  u16(CURVE.p256),
  u16(ALG.null),
)

/** Template of the AK: an empty unique field, so that a TPM has exactly one. */
export const AK_TEMPLATE: Uint8Array = concatBytes(AK_PREFIX, sized(), sized())

/** Template of the storage key: P-256, AES-128, restricted to decrypting, noDA; the owner hierarchy has one. */
export const STORAGE_TEMPLATE: Uint8Array = concatBytes(
  ...[u16(ALG.ecc), u16(ALG.sha256), u32(0x00030472), sized(), u16(ALG.aes), u16(128), u16(ALG.cfb), u16(ALG.null)],
  ...[u16(CURVE.p256), u16(ALG.null), sized(), sized()],
)

/** Template of sealed data that only a policy opens: fixedTPM, fixedParent, adminWithPolicy, noDA, and no password. */
export function sealedTemplate(policy: Uint8Array): Uint8Array {
  return concatBytes(u16(ALG.keyedHash), u16(ALG.sha256), u32(0x00000492), sized(policy), u16(ALG.null), sized())
}

/** The keys that EKs have. */
export type EkKey = 'p384' | 'rsa2048' | 'p256'

/** What is fixed about one kind of EK (TCG EK Credential Profile 2.5, appendix B). */
export interface EkProfile {
  key: EkKey
  /** NV index of its certificate. */
  certificateIndex: number
  template: Uint8Array
  /** Its nameAlg, as node:crypto calls it. */
  hash: 'sha256' | 'sha384'
  /** Bits of the AES key that protects what is sent to it. */
  aesBits: 128 | 256
  /** How TPM2_ActivateCredential is authorised: by PolicySecret of the endorsement hierarchy, or by the empty password. */
  auth: 'policy' | 'password'
}

const POLICY_A = fromHex('0x837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa')
const POLICY_B = fromHex('0xca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0')
const POLICY_B_SHA384 = fromHex(
  '0xb26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12',
)

/** Low range: adminWithPolicy alone, and a unique field of zeros. High range: userWithAuth too, and an empty one. */
function ekProfile(key: EkKey, certificateIndex: number, range: 'low' | 'high'): EkProfile {
  const low = range === 'low'
  const [hash, aesBits] = key === 'p384' ? (['sha384', 256] as const) : (['sha256', 128] as const)
  const policy = low ? POLICY_A : hash === 'sha384' ? POLICY_B_SHA384 : POLICY_B
  const rsa = key === 'rsa2048'
  const unique = sized(new Uint8Array(low ? (rsa ? 256 : 32) : 0))
  const template = concatBytes(
    ...[u16(rsa ? ALG.rsa : ALG.ecc), u16(ALG[hash]), u32(low ? 0x000300b2 : 0x000300f2), sized(policy)],
    ...[u16(ALG.aes), u16(aesBits), u16(ALG.cfb), u16(ALG.null)],
    ...(rsa ? [u16(2048), u32(0), unique] : [u16(CURVE[key]), u16(ALG.null), unique, unique]),
  )
  return { key, certificateIndex, template, hash, aesBits, auth: low ? 'policy' : 'password' }
}

/** The kinds of EK that occur, best first: P-384 (H-3), RSA-2048 (L-1), P-256 (L-2), RSA-2048 (H-1), P-256 (H-2). */
export const EK_PROFILES = {
  p384: ekProfile('p384', 0x01c00016, 'high'),
  rsa2048: ekProfile('rsa2048', 0x01c00002, 'low'),
  p256: ekProfile('p256', 0x01c0000a, 'low'),
  rsa2048High: ekProfile('rsa2048', 0x01c00012, 'high'),
  p256High: ekProfile('p256', 0x01c00014, 'high'),
}

/** Name of a kind of EK. */
export type EkKind = keyof typeof EK_PROFILES
