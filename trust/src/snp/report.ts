import { TeapotError } from '../teapot-error.ts'

/** Bytes of an attestation report (AMD 56860 §7.3, table ATTESTATION_REPORT). */
export const SNP_REPORT_BYTES = 0x4a0

/** An SEV-SNP attestation report: what an appraisal reads of it (AMD 56860 §7.3). */
export interface SnpReport {
  version: 2 | 3 | 5
  /** Bits of the guest policy (§4.3). */
  policy: number
  /** Privilege level of who asked, 0 the highest. */
  vmpl: number
  /** Which of the processor's keys signed. */
  signedBy: 'VCEK' | 'VLEK'
  /** Security versions, 8 bytes each: in use, certified by the key that signed, never to be undercut, and in use when the guest was launched. */
  tcb: Record<'current' | 'reported' | 'committed' | 'launch', Uint8Array>
  /** Family, model and stepping of the processor; since version 3. */
  cpu: { family: number; model: number; stepping: number } | undefined
  /** 64 bytes that the guest gave. */
  reportData: Uint8Array
  /** SHA-384 of the guest's memory as it was launched. */
  measurement: Uint8Array
  /** 32 bytes that the host gave. */
  hostData: Uint8Array
  /** 64 bytes. */
  chipId: Uint8Array
  /** What is signed. */
  signed: Uint8Array
  /** r ‖ s, big-endian, 48 bytes each. */
  signature: Uint8Array
}

/** A bit of the guest policy (§4.3). */
export const SNP_POLICY = { reserved: 1 << 17, migrateMa: 1 << 18, debug: 1 << 19 } as const

const SIGNED_BYTES = 0x2a0
const ECDSA_P384_SHA384 = 1
const SIGNERS: readonly (SnpReport['signedBy'] | undefined)[] = ['VCEK', 'VLEK']
/** r and s are little-endian, in fields of 72 bytes. */
const [R, S, NUMBER, FIELD] = [SIGNED_BYTES, SIGNED_BYTES + 72, 48, 72]
/** What must be zero, from and to. */
const RESERVED = [
  [0x4c, 0x50],
  [0x18b, 0x1a0],
  [0x1eb, 0x1ec],
  [0x1ef, 0x1f0],
  [0x208, SIGNED_BYTES],
  [R + NUMBER, R + FIELD],
  [S + NUMBER, S + FIELD],
  [S + FIELD, SNP_REPORT_BYTES],
] as const
const CPU = [0x188, 0x18b] as const
const MITIGATIONS = [0x1f8, 0x208] as const

/**
 * Reads a report of version 2, 3 or 5.
 * @throws TeapotError `snp/malformed` for another size, version or signature algorithm, for a report that nobody signed, and where
 * what is reserved is not as AMD 56860 says
 */
export function parseSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== SNP_REPORT_BYTES) refuse('size', `${SNP_REPORT_BYTES} bytes`, `${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (at: number) => view.getUint32(at, true)
  const version = u32(0)
  if (version !== 2 && version !== 3 && version !== 5) return refuse('VERSION', '2, 3 or 5', `${version}`)
  const reserved = [...RESERVED, ...(version === 2 ? [CPU] : []), ...(version < 5 ? [MITIGATIONS] : [])]
  for (const [from, to] of reserved) {
    if (bytes.subarray(from, to).some((byte) => byte !== 0)) {
      refuse(`0x${from.toString(16)} to 0x${(to - 1).toString(16)}`, 'zeros', 'other bytes')
    }
  }
  if (u32(0x34) !== ECDSA_P384_SHA384) refuse('SIGNATURE_ALGO', '1, ECDSA P-384 with SHA-384', `${u32(0x34)}`)
  const signedBy = SIGNERS[u32(0x48) >>> 2]
  if (!signedBy) return refuse('SIGNING_KEY', '0 (VCEK) or 1 (VLEK), and nothing above', `${u32(0x48) >>> 2}`)
  const policy = u32(0x08)
  if (u32(0x0c) !== 0 || policy >>> 26 !== 0 || !(policy & SNP_POLICY.reserved)) {
    refuse('POLICY', 'bit 17 one and bits 26 to 63 zero', `0x${view.getBigUint64(0x08, true).toString(16)}`)
  }
  const field = (at: number, length: number) => bytes.slice(at, at + length)
  const [family, model, stepping] = field(CPU[0], 3) as unknown as [number, number, number]
  return {
    version,
    policy,
    vmpl: u32(0x30),
    signedBy,
    tcb: { current: field(0x38, 8), reported: field(0x180, 8), committed: field(0x1e0, 8), launch: field(0x1f0, 8) },
    cpu: version === 2 ? undefined : { family, model, stepping },
    reportData: field(0x50, 64),
    measurement: field(0x90, 48),
    hostData: field(0xc0, 32),
    chipId: field(0x1a0, 64),
    signed: field(0, SIGNED_BYTES),
    signature: Uint8Array.of(...field(R, NUMBER).reverse(), ...field(S, NUMBER).reverse()),
  }
}

function refuse(field: string, expected: string, found: string): never {
  throw new TeapotError('snp/malformed', `Cannot read SEV-SNP report: expected ${expected} in ${field}, found ${found}`)
}
