import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { swtpm } from '../vectors/swtpm.ts'
import { decodeCborSequence } from './cbor.ts'
import { encodeLogRecord } from './encode.ts'
import {
  concatBytes,
  createKnownLog,
  type Digest,
  digestOf,
  extendPcr,
  type LogRecord,
  parseEventLog,
  parseEvidence,
  quotedPrefix,
  readEventLog,
  replayEventLog,
  utf8,
} from './index.ts'
import { promiseParser } from './parser.behavior.ts'

const evidence = parseEvidence(swtpm.evidence)
const records = parseEventLog(evidence.log)
const quoted = { r: evidence.pcrs[12]!, c: evidence.pcrs[13]! }
const ZERO = `0x${'00'.repeat(32)}` as Digest
const malformed = expect.objectContaining({ code: 'event-log/malformed' })

describe('the event log', () => {
  promiseParser(parseEventLog, { valid: evidence.log, codes: ['event-log/malformed'], prefixesAreValid: true })

  it("replays to the values that a real TPM's PCRs had", () => {
    expect(replayEventLog(records)).toEqual(quoted)
  })
  it('is read as any CBOR decoder reads it', () => {
    const sizes = [0, 1, 23, 24, 105, 255, 256, 4096]
    const log = concatBytes(...sizes.map((size, i) => encodeLogRecord(i, 13, new Uint8Array(size))))
    const items = decodeCborSequence(log).map(({ value }) => value as Map<number, unknown>)
    expect(parseEventLog(log).map(({ content }) => content)).toEqual(items.map((item) => item.get(112)))
  })
  it('reads back what was appended, past 23 and 255 records', () => {
    const log = concatBytes(...Array.from({ length: 300 }, (_, i) => encodeLogRecord(i, i % 2 ? 12 : 13, utf8(`${i}`))))
    const read = parseEventLog(log)
    expect(read).toHaveLength(300)
    expect(read[299]).toEqual({ pcr: 12, digest: read[299]!.digest, content: utf8('299') })
  })
  it('extends as a PCR does', () => {
    const contents = fc.array(fc.tuple(fc.constantFrom<LogRecord['pcr'][]>(12, 13), fc.uint8Array({ maxLength: 20 })))
    fc.assert(
      fc.property(contents, (entries) => {
        const log = concatBytes(...entries.map(([pcr, content], i) => encodeLogRecord(i, pcr, content)))
        const by = (pcr: number) =>
          entries.filter(([p]) => p === pcr).reduce((value, [, content]) => extendPcr(value, digestOf(content)), ZERO)
        expect(replayEventLog(parseEventLog(log))).toEqual({ r: by(12), c: by(13) })
      }),
    )
  })
  it('covers only what stood in it when the quote was made', () => {
    const longer = parseEventLog(concatBytes(evidence.log, encodeLogRecord(records.length, 13, utf8('newer'))))
    expect(quotedPrefix(longer, quoted)).toBe(records.length)
    expect(quotedPrefix(records.slice(0, -1), quoted)).toBe(-1)
    expect(quotedPrefix([], { r: ZERO, c: ZERO })).toBe(0)
  })
  it('is found to be the same from whatever was known before', () => {
    const contents = fc.array(fc.tuple(fc.constantFrom<LogRecord['pcr'][]>(12, 13), fc.uint8Array({ maxLength: 3 })))
    const reads = fc.array(fc.record({ entries: contents, cut: fc.nat(9), count: fc.nat(9), foreign: fc.boolean() }))
    fc.assert(
      fc.property(contents, reads, (first, later) => {
        const known = createKnownLog()
        for (const { entries, cut, count, foreign } of later) {
          // Now a longer one, now a shorter one, now another.
          const next = [...(foreign ? [] : first), ...entries].slice(0, foreign ? undefined : cut + entries.length)
          const log = concatBytes(...next.map(([pcr, content], i) => encodeLogRecord(i, pcr, content)))
          const whole = parseEventLog(log)
          expect(known.read(log)).toEqual(whole)
          for (const values of [
            replayEventLog(whole.slice(0, count)),
            { r: ZERO, c: quoted.c },
            replayEventLog(whole),
          ]) {
            expect(known.quotedPrefix(values)).toBe(quotedPrefix(whole, values))
          }
        }
      }),
    )
  })
  it('that cannot be read leaves what is known as it was', () => {
    const known = createKnownLog()
    const first = encodeLogRecord(0, records[0]!.pcr, records[0]!.content)
    known.read(evidence.log.subarray(0, first.length))
    const before = known.bytes
    expect(() => known.read(evidence.log.subarray(0, evidence.log.length - 5))).toThrow(malformed)
    expect(known.bytes).toBe(before)
    expect(known.read(evidence.log)).toEqual(records)
  })
  it('covers nothing when R and C stand at different places of it', () => {
    const { r } = replayEventLog(records.slice(0, 1))
    expect(quotedPrefix(records, { r, c: quoted.c })).toBe(-1)
  })
  it.each([
    ['a digest that is not of its content', 20],
    ['another PCR', 4],
    ['a number out of order', 2],
    ['another key', 5],
    ['another hash', 7],
  ])('refuses %s', (_, at) => {
    const log = encodeLogRecord(0, 13, utf8('content'))
    log[at]! ^= 2
    expect(() => parseEventLog(log)).toThrow(malformed)
  })
  it('refuses a content of more than 4,096 bytes', () => {
    expect(() => parseEventLog(encodeLogRecord(0, 13, new Uint8Array(4097)))).toThrow(malformed)
  })
  it('refuses a length that is not in shortest form', () => {
    const record = encodeLogRecord(0, 13, utf8('ten bytes!'))
    const longer = concatBytes(record.subarray(0, -11), Uint8Array.of(0x58, 10), record.subarray(-10))
    expect(() => parseEventLog(longer)).toThrow(malformed)
  })
  it('whose last append was cut short still tells the whole records before it', () => {
    const torn = evidence.log.subarray(0, evidence.log.length - 5)
    const read = readEventLog(torn)
    expect(read.records).toEqual(records.slice(0, -1))
    expect(parseEventLog(torn.subarray(0, read.sizeBytes))).toEqual(read.records)
    expect(read.problem).toBeDefined()
  })
})
