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

/** What is fixed about one kind of EK (TCG EK Credential Profile 2.5, appendix B). */
export interface EkProfile {
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
const POLICY_B = fromHex(
  '0xb26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12',
)
const AES_128_CFB = concatBytes(u16(ALG.aes), u16(128), u16(ALG.cfb))
const AES_256_CFB = concatBytes(u16(ALG.aes), u16(256), u16(ALG.cfb))
const zeros = (count: number): Uint8Array => new Uint8Array(count)

/** The kinds of EK that occur, best first: P-384 (H-3), RSA-2048 (L-1), P-256 (L-2). */
export const EK_PROFILES = {
  p384: {
    certificateIndex: 0x01c00016,
    template: concatBytes(
      u16(ALG.ecc),
      u16(ALG.sha384),
      u32(0x000300f2),
      sized(POLICY_B),
      AES_256_CFB,
      u16(ALG.null),
      u16(CURVE.p384),
      u16(ALG.null),
      sized(),
      sized(),
    ),
    hash: 'sha384',
    aesBits: 256,
    auth: 'password',
  },
  rsa2048: {
    certificateIndex: 0x01c00002,
    template: concatBytes(
      u16(ALG.rsa),
      u16(ALG.sha256),
      u32(0x000300b2),
      sized(POLICY_A),
      AES_128_CFB,
      u16(ALG.null),
      u16(2048),
      u32(0),
      sized(zeros(256)),
    ),
    hash: 'sha256',
    aesBits: 128,
    auth: 'policy',
  },
  p256: {
    certificateIndex: 0x01c0000a,
    template: concatBytes(
      u16(ALG.ecc),
      u16(ALG.sha256),
      u32(0x000300b2),
      sized(POLICY_A),
      AES_128_CFB,
      u16(ALG.null),
      u16(CURVE.p256),
      u16(ALG.null),
      sized(zeros(32)),
      sized(zeros(32)),
    ),
    hash: 'sha256',
    aesBits: 128,
    auth: 'policy',
  },
} as const satisfies Record<string, EkProfile>

/** Name of a kind of EK. */
export type EkKind = keyof typeof EK_PROFILES
