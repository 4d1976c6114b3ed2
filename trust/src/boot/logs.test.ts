import { describe, expect, it } from 'vitest'
import { toHex, utf8 } from '../bytes.ts'
import { promiseParser } from '../parser.behavior.ts'
import { EV, eventTypeName, parseFirmwareLog, parseImaLog, quotedEntries, replayFirmwareLog } from './index.ts'
import { bootMachine, encodeFile, encodeFirmwareLog, show, some } from './machine.fixture.ts'

const malformed = expect.objectContaining({ code: 'tpm/malformed' })
const { logs, pcrs } = show(bootMachine())
const version = { pcr: 0, type: 8, data: utf8('CRTM') }
const locality = (of: string) => ({ pcr: 0, type: EV.noAction, data: utf8(`StartupLocality\0${of}`) })
/** The header alone is a legacy log too: of one event, with SHA-1 digests. */
const header = encodeFirmwareLog([])
const file = { path: '/init', digest: some('/init') }

describe("the firmware's log, crypto-agile,", () => {
  promiseParser(parseFirmwareLog, { valid: logs.firmware, codes: ['tpm/malformed'], prefixesAreValid: true })

  it('replays to what was extended, from the locality that it tells, and EV_NO_ACTION extends nothing', () => {
    const log = parseFirmwareLog(logs.firmware)
    expect(log).toMatchObject({ banks: [11], locality: 3 })
    expect(replayFirmwareLog(log).slice(0, 10).map(toHex)).toEqual(Array.from({ length: 10 }, (_, pcr) => pcrs[pcr]))
    expect(() => replayFirmwareLog(log, 4)).toThrow(malformed)
  })
  it.each([
    ['a locality that is unknown', [locality('\u0002')]],
    ['a locality that is too long', [locality('\u0003\u0003')]],
    ['no locality in its place', [locality('')]],
    ['a locality told twice', [locality('\u0003'), locality('\u0003')]],
    ['a locality told too late', [version, locality('\u0003')]],
    ['a PCR that there is not', [{ ...version, pcr: 24 }]],
    ['no PCR for what is extended', [{ ...version, pcr: 0xffffffff }]],
  ])('with %s is refused', (_, steps) => {
    expect(() => parseFirmwareLog(encodeFirmwareLog(steps))).toThrow(malformed)
  })
  it.each([
    ['a hash algorithm that is unknown', header.length - 5, 0x99],
    ['a digest size that is not the algorithm’s', header.length - 3, 20],
    ['another number of banks', header.length - 9, 2],
    ['vendor data that is missing', header.length - 1, 1],
  ])('with %s in its header is refused', (_, at, value) => {
    expect(() => parseFirmwareLog(header.with(at, value))).toThrow(malformed)
  })
  it('names types of events that it knows, and numbers the others', () => {
    const names = [4, 0x80000007, 0x800000e0, 0x8000ffff].map(eventTypeName)
    expect(names.join()).toBe('EV_SEPARATOR,EV_EFI_ACTION,EV_EFI_VARIABLE_AUTHORITY,event type 0x8000ffff')
  })
})

describe("the firmware's log, legacy,", () => {
  promiseParser(parseFirmwareLog, { valid: new Uint8Array(32), codes: ['tpm/malformed'] })

  it('has the SHA-1 bank alone', () => {
    expect(parseFirmwareLog(new Uint8Array(64))).toMatchObject({ banks: [4], events: [{ pcr: 0 }, { pcr: 0 }] })
  })
})

describe("IMA's log", () => {
  promiseParser(parseImaLog, { valid: logs.ima, codes: ['tpm/malformed'], prefixesAreValid: true })

  it('extends ones for a violation, and else what its fields hash to, whatever digest it carries', () => {
    const [entry] = parseImaLog(encodeFile(file))
    expect(parseImaLog(encodeFile(file).fill(7, 4, 24))).toEqual([entry])
    const violation = { violation: true, digest: new Uint8Array(32).fill(0xff) }
    expect(parseImaLog(encodeFile({ ...file, violation: true }))).toEqual([{ ...entry, ...violation }])
    expect(quotedEntries([entry!], some('another value'))).toBe(0)
  })
  it.each([
    ['a digest of another size', { ...file, digest: new Uint8Array(20) }],
    ['an unknown algorithm', { ...file, algorithm: 'crc32' }],
    ['a zero within its path', { ...file, path: '/init\0/evil' }],
  ])('with %s is refused', (_, entry) => {
    expect(() => parseImaLog(encodeFile(entry))).toThrow(malformed)
  })
  it.each([
    ['another PCR', 0, 11],
    ['another template', 28, 0x78],
  ])('with %s is refused', (_, at, value) => {
    expect(() => parseImaLog(encodeFile(file).with(at, value))).toThrow(malformed)
  })
})
