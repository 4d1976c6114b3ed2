import { equalBytes, utf8 } from '../bytes.ts'
import { sha256 } from '../digest.ts'
import { readWire, refuseTpm, TPM_ALG, type WireReader } from '../tpm/wire.ts'

/** What firmware, boot loader or kernel measured before there was an operating system. */
export interface FirmwareEvent {
  pcr: number
  /** One of {@link EV}, or any other. */
  type: number
  /** TPM_ALG_ID to digest: what was extended. */
  digests: ReadonlyMap<number, Uint8Array>
  /** Says what was measured; only for some types is it what the digest is of. */
  data: Uint8Array
}

/** A TCG PC Client event log (PC Client Platform Firmware Profile §10). */
export interface FirmwareLog {
  /** TPM_ALG_IDs of the banks that every event was extended to. */
  banks: readonly number[]
  /** The locality that the TPM was started from: the last byte of PCR 0's first value. */
  locality: number
  /** In order, the header among them, so that an event's index is what other tools call its number. */
  events: readonly FirmwareEvent[]
}

/** The one event type that changes what its event does, and the one whose name stands apart (Platform Firmware Profile §10.4.1). */
export const EV = { noAction: 3, variableAuthority: 0x800000e0 } as const

/** By TPM_ALG_ID: SHA-1, SHA-256, SHA-384, SHA-512, SM3-256. */
const DIGEST_BYTES: Readonly<Record<number, number>> = { 4: 20, 11: 32, 12: 48, 13: 64, 18: 32 }
const PCRS = 24
/** The PCR field of events that no PCR holds. */
const NO_PCR = 0xffffffff
const AGILE = utf8('Spec ID Event03\0')
const STARTUP_LOCALITY = utf8('StartupLocality\0')
const LOG = "firmware's event log"

/**
 * Reads a firmware's event log: crypto-agile, or legacy with SHA-1 digests alone. Says nothing of its truth.
 * @throws TeapotError `tpm/malformed` for a log that is empty, cut short within an event or padded, for a digest of another
 * size than its algorithm's, an event that lacks a bank, a PCR above 23, or a startup locality that is unknown, told twice or too late
 */
export function parseFirmwareLog(bytes: Uint8Array): FirmwareLog {
  const reader = readWire(bytes, LOG, true)
  const header = readLegacyEvent(reader)
  const agile = header.type === EV.noAction && startsWith(header.data, AGILE)
  const banks = agile ? parseBanks(header.data) : [TPM_ALG.sha1]
  const events = [header]
  while (reader.left() > 0) events.push(agile ? readAgileEvent(reader, banks) : readLegacyEvent(reader))
  return { banks, locality: findLocality(events), events }
}

/**
 * The values of PCRs 0 to 23 after all events: EV_NO_ACTION extends nothing (Platform Firmware Profile §10.4.5).
 * @param bank TPM_ALG_ID of one of the log's banks
 * @param hash that bank's hash function
 * @throws TeapotError `tpm/malformed` for a bank that the log has not
 */
export function replayFirmwareLog(
  log: FirmwareLog,
  bank: number = TPM_ALG.sha256,
  hash: (bytes: Uint8Array) => Uint8Array = sha256,
): Uint8Array[] {
  if (!log.banks.includes(bank)) refuseTpm(LOG, `the bank ${hex(bank)}`, log.banks.map(hex).join(' and '))
  const size = DIGEST_BYTES[bank]!
  const extended = Array.from({ length: PCRS }, () => new Uint8Array(size * 2))
  extended[0]![size - 1] = log.locality
  for (const { type, pcr, digests } of log.events) {
    if (type === EV.noAction) continue
    const value = extended[pcr]!
    value.set(digests.get(bank)!, size)
    value.set(hash(value))
  }
  return extended.map((value) => value.subarray(0, size))
}

/** The type's name in the TCG's documents, or its number. */
export function eventTypeName(type: number): string {
  if (type === EV.variableAuthority) return 'EV_EFI_VARIABLE_AUTHORITY'
  const name = type < 0x80000000 ? LEGACY_NAMES[type] : EFI_NAMES[type - 0x80000000]
  return name ? `EV_${type < 0x80000000 ? '' : 'EFI_'}${name}` : `event type ${hex(type)}`
}

/** TCG_PCR_EVENT (Platform Firmware Profile §10.2.1). */
function readLegacyEvent(reader: WireReader): FirmwareEvent {
  const head = readHead(reader)
  const digests = new Map([[TPM_ALG.sha1 as number, reader.raw(20)]])
  return { ...head, digests, data: reader.raw(reader.u32()) }
}

/** TCG_PCR_EVENT2 (Platform Firmware Profile §10.2.2): a digest for each bank. */
function readAgileEvent(reader: WireReader, banks: readonly number[]): FirmwareEvent {
  const head = readHead(reader)
  const count = reader.u32()
  if (count !== banks.length) refuseTpm(LOG, `${banks.length} digests`, `${count}`)
  const digests = new Map<number, Uint8Array>()
  for (let i = 0; i < count; i++) {
    const bank = reader.u16()
    if (!banks.includes(bank) || digests.has(bank)) refuseTpm(LOG, "each of the header's banks once", hex(bank))
    digests.set(bank, reader.raw(DIGEST_BYTES[bank]!))
  }
  return { ...head, digests, data: reader.raw(reader.u32()) }
}

function readHead(reader: WireReader): { pcr: number; type: number } {
  const [pcr, type] = [reader.u32(), reader.u32()]
  if (pcr >= PCRS && !(pcr === NO_PCR && type === EV.noAction)) refuseTpm(LOG, `a PCR below ${PCRS}`, hex(pcr))
  return { pcr, type }
}

/** TCG_EfiSpecIDEvent (Platform Firmware Profile §10.4.5.1). */
function parseBanks(data: Uint8Array): number[] {
  const reader = readWire(data, 'TCG_EfiSpecIDEvent', true)
  reader.raw(AGILE.length + 8)
  const banks: number[] = []
  for (let left = reader.u32(); left > 0; left--) {
    const [bank, size] = [reader.u16(), reader.u16()]
    if (DIGEST_BYTES[bank] !== size || banks.includes(bank)) {
      refuseTpm(LOG, 'known hash algorithms, each once and with its size', `${hex(bank)} with ${size} bytes`)
    }
    banks.push(bank)
  }
  reader.raw(reader.u8())
  if (banks.length === 0 || reader.left() > 0) refuseTpm(LOG, 'one bank or more and nothing after them', 'otherwise')
  return banks
}

function findLocality(events: readonly FirmwareEvent[]): number {
  let locality: number | undefined
  let extended = false
  for (const { type, pcr, data } of events) {
    extended ||= pcr === 0 && type !== EV.noAction
    if (type !== EV.noAction || !startsWith(data, STARTUP_LOCALITY)) continue
    const found = data[STARTUP_LOCALITY.length]!
    const valid = data.length === STARTUP_LOCALITY.length + 1 && [0, 3, 4].includes(found)
    if (!valid || extended || locality !== undefined) {
      refuseTpm(LOG, 'a startup locality of 0, 3 or 4, once, before PCR 0 is extended', 'otherwise')
    }
    locality = found
  }
  return locality ?? 0
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, prefix.length), prefix)
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}

const LEGACY_NAMES: readonly string[] = (
  'PREBOOT_CERT POST_CODE UNUSED NO_ACTION SEPARATOR ACTION EVENT_TAG S_CRTM_CONTENTS S_CRTM_VERSION CPU_MICROCODE PLATFORM_CONFIG_FLAGS ' +
  'TABLE_OF_DEVICES COMPACT_HASH IPL IPL_PARTITION_DATA NONHOST_CODE NONHOST_CONFIG NONHOST_INFO OMIT_BOOT_DEVICE_EVENTS POST_CODE2'
).split(' ')
const EFI_NAMES: readonly string[] = (
  'EVENT_BASE VARIABLE_DRIVER_CONFIG VARIABLE_BOOT BOOT_SERVICES_APPLICATION BOOT_SERVICES_DRIVER RUNTIME_SERVICES_DRIVER GPT_EVENT ACTION ' +
  'PLATFORM_FIRMWARE_BLOB HANDOFF_TABLES PLATFORM_FIRMWARE_BLOB2 HANDOFF_TABLES2 VARIABLE_BOOT2'
).split(' ')
