import { check, fail, group } from '../appraise/reason.ts'
import { concatBytes, type Digest, fromHex, toHex } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import { TeapotError } from '../teapot-error.ts'
import { TPM_ALG } from '../tpm/wire.ts'
import type { Reason } from '../verdict.ts'
import { EV, eventTypeName, type FirmwareEvent, parseFirmwareLog, replayFirmwareLog } from './firmware-log.ts'
import { type ImaEntry, PCR_IMA, parseImaLog, quotedEntries } from './ima-log.ts'

/** Quoted values, SHA-256 bank. */
export type Pcrs = Readonly<Record<number, Digest>>

/** An event of the firmware's log that the quote covers. */
export interface Measured extends Omit<FirmwareEvent, 'digests'> {
  /** Its place in the log. */
  index: number
  /** What the PCR was extended by, SHA-256 bank. */
  digest: Digest
}

/** A log held against the quote; `shown` only where it holds, as all else may be invented. */
export interface Replayed<T> {
  reason: Reason
  shown?: readonly T[]
}

/** What the firmware's log replays to: kernel and its stub go on in 9 and 11; 8, a boot loader's, stays zero. */
export const FIRMWARE_PCRS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]
const ZERO = toHex(new Uint8Array(32))
const FIX = 'send the log as the kernel gives it, read in the boot that was quoted'

/** Whether the firmware's log replays to the quoted PCRs (spec/boot.md §2). */
export function replayFirmware(bytes: Uint8Array, pcrs: Pcrs): Replayed<Measured> {
  const id = 'platform/firmware-log'
  const title = "The firmware's log replays to PCRs 0 to 9 and 11"
  const failure = { source: 'TCG PC Client Platform Firmware Profile §10', fix: FIX }
  const failed = (found: string) => fail(id, title, { ...failure, expected: 'a log of the SHA-256 bank', found })
  return refusing(failed, () => {
    const log = parseFirmwareLog(bytes)
    const values = replayFirmwareLog(log).map(toHex)
    const differ = FIRMWARE_PCRS.filter((pcr) => values[pcr] !== pcrs[pcr])
    const tell = (of: Pcrs | Digest[]) => differ.map((pcr) => `PCR ${pcr} ${of[pcr]}`).join(', ')
    const reason = check(id, title, differ.length === 0, { ...failure, expected: tell(pcrs), found: tell(values) })
    if (differ.length > 0) return { reason }
    const shown = log.events.flatMap(({ pcr, type, digests, data }, index) =>
      type === EV.noAction ? [] : [{ index, pcr, type, data, digest: toHex(digests.get(TPM_ALG.sha256)!) }],
    )
    return { reason, shown }
  })
}

/** Whether IMA's log begins with what went before, and a prefix of it replays to PCR 10 (spec/boot.md §3). */
export function replayIma(bytes: Uint8Array, pcrs: Pcrs): Replayed<ImaEntry> {
  const id = 'platform/ima'
  const title = "The kernel's log of files holds"
  const failure = { source: 'Linux, Documentation/security/IMA-templates.rst', fix: FIX }
  const failed = (found: string) => fail(id, title, { ...failure, expected: 'a log that can be read', found })
  return refusing(failed, () => {
    const entries = parseImaLog(bytes)
    const count = quotedEntries(entries, fromHex(pcrs[PCR_IMA]!))
    const replay = check('platform/ima-log', 'It replays to PCR 10', count > 0, {
      ...failure,
      expected: `PCR 10 ${pcrs[PCR_IMA]}`,
      found: `no beginning of ${entries.length} entries that gives it`,
    })
    const reason = group(id, title, [appraiseAggregate(entries[0], pcrs), replay])
    return reason.status === 'pass' ? { reason, shown: entries.slice(0, count) } : { reason }
  })
}

/** A kernel that finds no TPM measures all the same, and extends nothing: its aggregate is zero. */
function appraiseAggregate(first: ImaEntry | undefined, pcrs: Pcrs): Reason {
  const expected = digestOf(concatBytes(...Array.from({ length: 10 }, (_, pcr) => fromHex(pcrs[pcr]!))))
  const told = first?.path === 'boot_aggregate' && first.algorithm === 'sha256' && !first.violation
  const found = told ? toHex(first.fileDigest) : 'none'
  const bypassed = found === ZERO || pcrs[PCR_IMA] === ZERO
  return check('platform/ima-aggregate', 'It begins with the digest of PCRs 0 to 9', found === expected && !bypassed, {
    expected: `boot_aggregate ${expected}`,
    found: bypassed ? 'zero: IMA found no TPM and went without (TPM-bypass)' : found,
    source: 'Linux, ima_calc_boot_aggregate; the quote',
    fix: bypassed ? "build the TPM's driver into the kernel, not as a module" : FIX,
  })
}

/** Firmware measures it into PCRs 0 to 7 as it hands over (Platform Firmware Profile §10.4.1); that of an error is another. */
export function isSeparator({ digest }: Measured): boolean {
  return SEPARATORS.includes(digest)
}

const SEPARATORS = [0x00, 0xff].map((byte) => digestOf(new Uint8Array(4).fill(byte)))

/** Names events for people. */
export function nameEvents(events: readonly Measured[]): string {
  return firstOf(events.map((e) => `event ${e.index} (${eventTypeName(e.type)}, PCR ${e.pcr}, ${e.digest})`))
}

/** The first three of some texts, and how many more there are. */
export function firstOf(texts: readonly string[]): string {
  const more = texts.length > 3 ? ` and ${texts.length - 3} more` : ''
  return texts.slice(0, 3).join(', ') + more || 'none'
}

/** A log that can't be read is a reason, and no error. */
function refusing<T>(failed: (found: string) => Reason, replay: () => Replayed<T>): Replayed<T> {
  try {
    return replay()
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return { reason: failed(error.message) }
  }
}
