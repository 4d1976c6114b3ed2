import { concatBytes, type Digest, equalBytes, fromHex, standsAt, toHex } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { sha256 } from './digest.ts'
import { TeapotError } from './teapot-error.ts'

/** Launcher and runtime image: one value per release and platform. */
export const PCR_R = 12
/** All that is provisioned: actors, providers, policies. */
export const PCR_C = 13
/** A record's content may be this long at most; an entry's is 105 bytes. */
const MAX_CONTENT_BYTES = 4096

/** One record of the event log; its number is its index (spec/evidence.md §4). */
export interface LogRecord {
  pcr: typeof PCR_R | typeof PCR_C
  /** SHA-256 of `content`: what was extended. */
  digest: Uint8Array
  content: Uint8Array
}

/** The two PCR values that a log replays to. */
export interface ReplayedPcrs {
  r: Digest
  c: Digest
}

/** Encodes one record as it is appended to the log. @param recnum counts from 0 over both PCRs */
export function encodeLogRecord(recnum: number, pcr: LogRecord['pcr'], content: Uint8Array): Uint8Array {
  return encodeCbor(
    new Map<number, number | Uint8Array | Map<number, Uint8Array>>([
      [0, recnum],
      [1, pcr],
      [3, new Map([[SHA256, sha256(content)]])],
      [CONTENT, content],
    ]),
  )
}

/**
 * Reads a whole event log. Written by hand, as its form is fixed: a CBOR library takes most of an appraisal's time.
 * @throws TeapotError `event-log/malformed` when a record is cut short, not in deterministic form, out of order,
 * for another PCR, or its digest is not its content's
 */
export function parseEventLog(bytes: Uint8Array): LogRecord[] {
  return parseAfter(bytes, 0, [])
}

/** What follows the records that are known, and end at byte `start`; with these. */
function parseAfter(bytes: Uint8Array, start: number, known: readonly LogRecord[], memory?: RecordMemory): LogRecord[] {
  const { records, sizeBytes, problem } = readAfter(bytes, start, known.length, memory)
  if (problem === undefined) return known.concat(records)
  throw new TeapotError(
    'event-log/malformed',
    `Cannot read event log: expected ${problem} in record ${known.length + records.length}, found otherwise at byte ${sizeBytes} of ${bytes.length}`,
  )
}

/**
 * Reads as many whole records as stand at the beginning: for the box itself, whose last append may have been cut short.
 * `sizeBytes` is how long they are; `problem` says what was expected next where the log does not end there.
 */
export function readEventLog(bytes: Uint8Array): { records: LogRecord[]; sizeBytes: number; problem?: string } {
  return readAfter(bytes, 0, 0)
}

function readAfter(
  bytes: Uint8Array,
  start: number,
  recnum: number,
  memory?: RecordMemory,
): { records: LogRecord[]; sizeBytes: number; problem?: string } {
  const records: LogRecord[] = []
  const cursor = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: start }
  let sizeBytes = start
  while (cursor.at < bytes.length) {
    const record = readRecord(cursor, recnum + records.length, memory)
    if (typeof record === 'string') return { records, sizeBytes, problem: record }
    records.push(record)
    sizeBytes = cursor.at
  }
  return { records, sizeBytes }
}

/** Replays a whole log to R and C, both starting from zero. */
export function replayEventLog(records: readonly LogRecord[]): ReplayedPcrs {
  const replay = createReplay()
  for (const record of records) replay.extend(record)
  return replay.values()
}

/**
 * How many records of the log the quoted values cover: what follows is newer than the quote.
 * @returns -1 when no prefix replays to both values
 */
export function quotedPrefix(records: readonly LogRecord[], quoted: ReplayedPcrs): number {
  return replayTo(quoted, records, createReplay(), 0)
}

/** Replays on from record `from` until the values are the quoted ones; -1 when they never are. */
function replayTo(quoted: ReplayedPcrs, records: readonly LogRecord[], replay: Replay, from: number): number {
  const [r, c] = [fromHex(quoted.r), fromHex(quoted.c)]
  for (let i = from; ; i++) {
    if (replay.is(r, c)) return i
    if (i >= records.length) return -1
    replay.extend(records[i]!)
  }
}

/** Records as they were read before: the same bytes, the number apart, say the same in any log. */
export interface RecordMemory {
  /** The record that stands there after its number, if its very bytes were kept; moves on past it. */
  recall(log: LogCursor): LogRecord | undefined
  /** @param encoded the record's bytes after its number */
  keep(record: LogRecord, encoded: Uint8Array): void
}

/** How far into a record's bytes after its number the digest begins: after the PCR and {@link DIGEST_HEAD}. */
export const DIGEST_AT = 7

/**
 * What a Verifier remembers of one node's log, so that only what was appended since is read and replayed (spec/trust-model.md §2.7).
 * It is memory alone: whatever log comes next, what is found is what is found without it.
 */
export interface KnownLog {
  /** The log that was read last. */
  readonly bytes: Uint8Array
  /**
   * @param memory saves reading and hashing what was read in other logs
   * @throws TeapotError `event-log/malformed` as {@link parseEventLog} does; then what is known stays
   */
  read(log: Uint8Array, memory?: RecordMemory): readonly LogRecord[]
  /** {@link quotedPrefix} of the log that was read last. */
  quotedPrefix(quoted: ReplayedPcrs): number
}

/** Knows nothing yet. */
export function createKnownLog(): KnownLog {
  let bytes: Uint8Array = new Uint8Array(0)
  let records: readonly LogRecord[] = []
  let replay = createReplay()
  let replayed = 0
  return {
    get bytes() {
      return bytes
    },
    read(log, memory) {
      const longer = log.length >= bytes.length && equalBytes(log.subarray(0, bytes.length), bytes)
      records = parseAfter(log, longer ? bytes.length : 0, longer ? records : [], memory)
      bytes = log
      if (!longer) [replay, replayed] = [createReplay(), 0]
      return records
    },
    quotedPrefix(quoted) {
      let count = replayTo(quoted, records, replay, replayed)
      if (count < 0 && replayed > 0) {
        // Not after what was quoted last: perhaps before it.
        replay = createReplay()
        count = replayTo(quoted, records, replay, 0)
      }
      replayed = count < 0 ? records.length : count
      return count
    },
  }
}

const SHA256 = 11
const CONTENT = 112
const HEAD = Uint8Array.of(0xa4, 0x00)
const DIGEST_HEAD = Uint8Array.of(0x03, 0xa1, SHA256, 0x58, 0x20)
const CONTENT_HEAD = Uint8Array.of(0x18, CONTENT)

/** A log that is being read. */
export interface LogCursor {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Up to where it was read. */
  at: number
}

/** Reads one record, or says what was expected. */
function readRecord(cursor: LogCursor, recnum: number, memory?: RecordMemory): LogRecord | string {
  if (!literal(cursor, HEAD) || readHead(cursor, 0) !== recnum) return `the record number ${recnum}`
  const known = memory?.recall(cursor)
  if (known) return known
  const { bytes, at: start } = cursor
  if (!literal(cursor, ONE)) return 'a PCR'
  const pcr = readHead(cursor, 0)
  if (pcr !== PCR_R && pcr !== PCR_C) return `PCR ${PCR_R} or ${PCR_C}`
  const digestAt = literal(cursor, DIGEST_HEAD) ? skip(cursor, 32) : -1
  if (digestAt < 0) return 'a SHA-256 digest'
  const length = literal(cursor, CONTENT_HEAD) ? readHead(cursor, 2) : -1
  const contentAt = length >= 0 && length <= MAX_CONTENT_BYTES ? skip(cursor, length) : -1
  if (contentAt < 0) return `a content of at most ${MAX_CONTENT_BYTES} bytes`
  const record: LogRecord = {
    pcr,
    digest: bytes.subarray(digestAt, digestAt + 32),
    content: bytes.subarray(contentAt, cursor.at),
  }
  if (!equalBytes(sha256(record.content), record.digest)) return 'the digest of the content'
  memory?.keep(record, bytes.subarray(start, cursor.at))
  return record
}

const ONE = Uint8Array.of(0x01)

function literal(cursor: LogCursor, expected: Uint8Array): boolean {
  const stands = standsAt(cursor.bytes, cursor.at, expected)
  cursor.at += expected.length
  return stands
}

/** Where so many bytes begin; -1 where there are fewer. */
function skip(cursor: LogCursor, length: number): number {
  const start = cursor.at
  cursor.at += length
  return cursor.at > cursor.bytes.length ? -1 : start
}

/** A CBOR head of this major type in its shortest form, below 2^32; -1 otherwise. */
function readHead(cursor: LogCursor, major: number): number {
  const { bytes } = cursor
  const first = bytes[cursor.at++]
  if (first === undefined || first >> 5 !== major) return -1
  const info = first & 31
  if (info < 24) return info
  const size = info < 27 ? 1 << (info - 24) : 0
  if (size === 0 || cursor.at + size > bytes.length) return -1
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + bytes[cursor.at++]!
  return value >= (size === 1 ? 24 : 256 ** (size >> 1)) ? value : -1
}

interface Replay {
  extend(record: LogRecord): void
  is(r: Uint8Array, c: Uint8Array): boolean
  values(): ReplayedPcrs
}

/** Two PCRs from zero. Each buffer holds value ‖ digest, so that an extend is one hash and no joining. */
function createReplay(): Replay {
  const r = new Uint8Array(64)
  const c = new Uint8Array(64)
  return {
    extend(record) {
      const pcr = record.pcr === PCR_R ? r : c
      pcr.set(record.digest, 32)
      sha256(pcr, pcr)
    },
    is: (wantR, wantC) => standsAt(c, 0, wantC) && standsAt(r, 0, wantR),
    values: () => ({ r: toHex(r.subarray(0, 32)), c: toHex(c.subarray(0, 32)) }),
  }
}

/** Extends one PCR value by a digest: SHA-256(value ‖ digest). */
export function extendPcr(value: Digest, digest: Digest): Digest {
  return toHex(sha256(concatBytes(fromHex(value), fromHex(digest))))
}
