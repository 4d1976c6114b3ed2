import { readWire, refuseTpm, type WireReader } from './wire.ts'

/** One bank's choice of PCRs in a TPML_PCR_SELECTION. */
export interface PcrBank {
  /** TPM_ALG_ID of the bank. */
  hash: number
  /** Indices, ascending. */
  pcrs: number[]
}

/** A TPMS_ATTEST of a quote: what the TPM itself signed (TPM 2.0 Part 2 §10.12). */
export interface Attest {
  qualifiedSigner: Uint8Array
  /** The qualifying data that the caller gave. */
  extraData: Uint8Array
  /** Milliseconds that the TPM has run. */
  clock: bigint
  /** Counts TPM resets. */
  resetCount: number
  restartCount: number
  safe: boolean
  firmwareVersion: bigint
  selection: PcrBank[]
  pcrDigest: Uint8Array
}

/** TPM_GENERATED_VALUE: a restricted key signs it only over what the TPM made itself. */
const MAGIC = 0xff544347
const QUOTE = 0x8018
const MAX_BANKS = 16
const MAX_SELECT_BYTES = 4

/**
 * Reads a quote.
 * @throws TeapotError `tpm/malformed` when the magic or type is another, or bytes are missing or left over
 */
export function parseAttest(bytes: Uint8Array): Attest {
  const reader = readWire(bytes, 'TPMS_ATTEST')
  const magic = reader.u32()
  if (magic !== MAGIC) refuseTpm('TPMS_ATTEST', 'the magic 0xff544347', `0x${magic.toString(16)}`)
  const type = reader.u16()
  if (type !== QUOTE) refuseTpm('TPMS_ATTEST', 'a quote', `type 0x${type.toString(16)}`)
  const attest = {
    qualifiedSigner: reader.sized(),
    extraData: reader.sized(),
    clock: reader.u64(),
    resetCount: reader.u32(),
    restartCount: reader.u32(),
    safe: readBoolean(reader),
    firmwareVersion: reader.u64(),
    selection: readPcrSelection(reader),
    pcrDigest: reader.sized(),
  }
  reader.end()
  return attest
}

/** Numbers the boot: whatever zeroes the PCRs, a TPM Reset or a TPM Restart, begins another (spec/evidence.md §5.4). */
export function bootOf({ resetCount, restartCount }: Pick<Attest, 'resetCount' | 'restartCount'>): number {
  return (resetCount % 2 ** 24) * 2 ** 16 + (restartCount % 2 ** 16)
}

/** Reads a TPML_PCR_SELECTION. */
function readPcrSelection(reader: WireReader): PcrBank[] {
  const count = reader.u32()
  if (count > MAX_BANKS) refuseTpm('TPML_PCR_SELECTION', `at most ${MAX_BANKS} banks`, `${count}`)
  return Array.from({ length: count }, () => {
    const hash = reader.u16()
    const size = reader.u8()
    if (size > MAX_SELECT_BYTES) refuseTpm('TPMS_PCR_SELECTION', `at most ${MAX_SELECT_BYTES} bytes`, `${size}`)
    const bits = reader.raw(size)
    const pcrs: number[] = []
    for (let pcr = 0; pcr < size * 8; pcr++) if ((bits[pcr >> 3]! >> (pcr & 7)) & 1) pcrs.push(pcr)
    return { hash, pcrs }
  })
}

function readBoolean(reader: WireReader): boolean {
  const value = reader.u8()
  return value <= 1 ? value === 1 : refuseTpm('TPMI_YES_NO', '0 or 1', `${value}`)
}
