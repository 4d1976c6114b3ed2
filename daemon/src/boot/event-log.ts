import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  type Digest,
  type Entry,
  encodeEntry,
  type LogRecord,
  PCR_C,
  PCR_R,
  readEventLog,
  replayEventLog,
  sha256,
  TeapotError,
  toHex,
} from '@teapot-network/trust'
import { encodeLogRecord } from '@teapot-network/trust/encode'
import { extendTpm, readPcrs } from '../tpm/pcrs.ts'
import type { Tpm } from '../tpm/tpm.ts'
import { isMeasured, pcrOf } from './measured.ts'

/** The two PCRs that the event log tells of. */
export interface PcrBank {
  extend(pcr: number, digest: Digest, signal?: AbortSignal): Promise<void>
  /** R and C as they stand. */
  read(signal?: AbortSignal): Promise<Map<number, Uint8Array>>
}

/** The log of what this boot measured, at most one entry ahead of the PCRs (spec/launch.md §3). */
export interface EventLog extends AsyncDisposable {
  /**
   * Appends, syncs to disk, then extends; all before it resolves. What this boot measured already is left alone, but a provider or
   * policy comes again whenever it is not the last under its name.
   * @returns whether anything was measured
   * @throws TeapotError `boot/not-measurable` for a page · `boot/log-not-written` when the disk is full or broken: nothing was
   * extended · `boot/log-mismatch` · what the TPM throws, after which the next call first finds out whether it extended
   */
  measure(entry: Entry, signal?: AbortSignal): Promise<boolean>
  /** All records so far. */
  records(): readonly LogRecord[]
  /** The whole log, as it goes into evidence. Its last record may be newer than a quote. */
  bytes(): Uint8Array
}

/**
 * Opens the log of this boot, made anew where there is none; cuts a record that was not wholly written and extends one that was
 * written but not extended.
 * @throws TeapotError `boot/log-mismatch` when log and PCRs tell different stories
 */
export async function openEventLog(file: string, tpm: Tpm | PcrBank, signal?: AbortSignal): Promise<EventLog> {
  const bank = 'connect' in tpm ? bankOf(tpm) : tpm
  const handle = await openDurably(file)
  try {
    const all = await handle.readFile()
    const { records, sizeBytes } = readEventLog(Uint8Array.from(all))
    const log = new OpenEventLog(handle, bank, records, Uint8Array.from(all.subarray(0, sizeBytes)), all.length)
    await log.settle(signal)
    return log
  } catch (error) {
    await handle.close()
    throw error
  }
}

class OpenEventLog implements EventLog {
  readonly #file: FileHandle
  readonly #bank: PcrBank
  readonly #records: LogRecord[]
  #bytes: Uint8Array
  /** Whether something may stand behind the last whole record. */
  #torn: boolean
  /** Whether the last record may not have been extended. */
  #unsettled = true
  #turn: Promise<unknown> = Promise.resolve()

  constructor(file: FileHandle, bank: PcrBank, records: LogRecord[], bytes: Uint8Array, fileBytes: number) {
    this.#file = file
    this.#bank = bank
    this.#records = records
    this.#bytes = bytes
    this.#torn = fileBytes > bytes.length
  }

  records(): readonly LogRecord[] {
    return this.#records
  }

  bytes(): Uint8Array {
    return this.#bytes
  }

  measure(entry: Entry, signal?: AbortSignal): Promise<boolean> {
    const result = this.#turn.then(() => this.#measure(entry, signal))
    this.#turn = result.catch(() => {})
    return result
  }

  /** Brings file and PCRs together after an interruption. */
  async settle(signal?: AbortSignal): Promise<void> {
    const pcrs = await this.#bank.read(signal)
    const last = this.#records.at(-1)
    if (replaysTo(this.#records, pcrs)) {
      // What was not wholly written was never extended.
      if (this.#torn) await this.#file.truncate(this.#bytes.length)
      this.#torn = false
    } else if (last && !this.#torn && replaysTo(this.#records.slice(0, -1), pcrs)) {
      await this.#bank.extend(last.pcr, toHex(last.digest), signal)
    } else {
      throw mismatch(this.#records, pcrs)
    }
    this.#unsettled = false
  }

  async #measure(entry: Entry, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    const pcr = pcrOf(entry)
    if (this.#unsettled) await this.settle(signal)
    const content = encodeEntry(entry)
    if (isMeasured(this.#records, content)) return false
    await this.#append(encodeLogRecord(this.#records.length, pcr, content))
    const digest = sha256(content)
    this.#records.push({ pcr, digest, content })
    this.#unsettled = true
    await this.#bank.extend(pcr, toHex(digest), signal)
    this.#unsettled = false
    return true
  }

  async #append(record: Uint8Array): Promise<void> {
    const grown = new Uint8Array(this.#bytes.length + record.length)
    grown.set(this.#bytes)
    grown.set(record, this.#bytes.length)
    this.#torn = true
    try {
      for (let at = this.#bytes.length; at < grown.length; ) {
        at += (await this.#file.write(grown, at, grown.length - at, at)).bytesWritten
      }
      await this.#file.datasync()
    } catch (cause) {
      this.#unsettled = true
      throw notWritten(record.length, cause)
    }
    this.#torn = false
    this.#bytes = grown
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn
    await this.#file.close()
  }
}

function bankOf(tpm: Tpm): PcrBank {
  return {
    extend: (pcr, digest, signal) => extendTpm(tpm, pcr, digest, signal),
    read: (signal) => readPcrs(tpm, signal),
  }
}

/** Opens for reading and writing; a new file's name is on disk before anything is measured into it. */
async function openDurably(file: string): Promise<FileHandle> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o644)
  const folder = await open(dirname(file), constants.O_RDONLY)
  await folder.sync()
  await folder.close()
  return handle
}

function replaysTo(records: readonly LogRecord[], pcrs: Map<number, Uint8Array>): boolean {
  const { r, c } = replayEventLog(records)
  return r === toHex(pcrs.get(PCR_R)!) && c === toHex(pcrs.get(PCR_C)!)
}

function mismatch(records: readonly LogRecord[], pcrs: Map<number, Uint8Array>): TeapotError {
  const { r, c } = replayEventLog(records)
  const [foundR, foundC] = [PCR_R, PCR_C].map((pcr) => toHex(pcrs.get(pcr)!))
  return new TeapotError(
    'boot/log-mismatch',
    `Cannot use the event log: expected its ${records.length} entries to replay to R ${foundR} and C ${foundC}, found ${r} and ${c}; reboot the machine`,
    { kind: 'fault' },
  )
}

function notWritten(sizeBytes: number, cause: unknown): TeapotError {
  return new TeapotError(
    'boot/log-not-written',
    `Cannot measure: expected to append ${sizeBytes} bytes to the event log, found: ${(cause as Error).message}; make room on the disk`,
    { kind: 'unavailable', cause },
  )
}
