import { describe, expect, it } from 'vitest'
import { encodeReferenceValues, parseReferenceValues, referenceValuesDigest } from './boot/index.ts'
import { RELEASE } from './boot/machine.fixture.ts'
import { type CborValue, decodeCbor, digestOf, encodeCbor, fromHex, type Hex } from './index.ts'
import { promiseParser } from './parser.behavior.ts'
import type { ReferenceValuesDocument } from './reference-values.ts'

const hex = (byte: number, length = 32) => `0x${byte.toString(16).padStart(2, '0').repeat(length)}` as Hex
const minimumTcb = { bootloader: 3, tee: 0, snp: 20, microcode: 209, fmc: 0 }
const rtmr = [1, 2, 3, 0].map((byte) => hex(byte, 48))
const document: ReferenceValuesDocument = {
  v: 1,
  boots: [
    { ...RELEASE, kernelSha256: null },
    { ...RELEASE, name: 'box 2', rootHash: null, secureBoot: 'any' },
  ],
  tees: [
    { kind: 'nitro', name: 'n', pcr0: hex(6, 48), pcr1: hex(7, 48), pcr2: hex(8, 48) },
    { kind: 'sev-snp', name: 's', measurement: hex(9, 48), hostData: null, minimumTcb, vmpl: 0 },
    { kind: 'tdx', name: 't', mrtd: hex(10, 48), rtmr, tcb: ['SWHardeningNeeded', 'UpToDate'] },
  ],
}
const valid = encodeReferenceValues(document)
const malformed = expect.objectContaining({ code: 'reference-values/malformed' })

/** The document with one value changed or, where it is undefined, left out. */
function change(path: (string | number)[], value: CborValue | undefined): Uint8Array {
  const root = decodeCbor(valid)
  let at = root
  for (const step of path.slice(0, -1)) at = at instanceof Map ? at.get(step)! : (at as CborValue[])[step as number]!
  const last = path.at(-1)!
  if (!(at instanceof Map)) (at as CborValue[])[last as number] = value as CborValue
  else if (value === undefined) at.delete(last)
  else at.set(last, value)
  return encodeCbor(root)
}

describe('reference values', () => {
  promiseParser(parseReferenceValues, { valid, codes: ['reference-values/malformed'] })

  it('have one encoding, whatever their order', () => {
    expect(parseReferenceValues(valid)).toEqual(document)
    const boots = document.boots.map((boot) => ({ ...boot, ima: [...boot.ima].reverse() })).reverse()
    const tees = document.tees
      .map((tee) => (tee.kind === 'tdx' ? { ...tee, tcb: [...tee.tcb].reverse() } : tee))
      .reverse()
    expect(encodeReferenceValues({ v: 1, boots, tees })).toEqual(valid)
    expect(referenceValuesDigest(document)).toBe(digestOf(valid))
  })
  const fields = [
    ...Object.keys(document).map((key) => [key]),
    ...Object.keys(RELEASE).map((key) => ['boots', 0, key]),
    ...document.tees.flatMap((tee, i) => Object.keys(tee).map((key) => ['tees', i, key])),
    ['tees', 1, 'minimumTcb', 'fmc'],
  ]
  it.each(fields.map((path) => [path.join('.'), path]))('without %s are refused', (_, path) => {
    expect(() => parseReferenceValues(change(path as string[], undefined))).toThrow(malformed)
  })
  it.each<[string, (string | number)[], CborValue]>([
    ['a version to come', ['v'], 2],
    ['an unknown field', ['acceptAll'], true],
    ['an unknown field in a boot', ['boots', 0, 'any'], true],
    ['null for a digest', ['boots', 0, 'pcr11'], null],
    ['a SHA-1 digest', ['boots', 0, 'ukiSha256'], new Uint8Array(20)],
    ['a short root hash', ['boots', 0, 'rootHash'], new Uint8Array(20)],
    ['no firmware', ['boots', 0, 'firmware'], []],
    ['no kernel and no Secure Boot', ['boots', 1, 'kernelSha256'], null],
    ['an empty name', ['boots', 0, 'name'], ''],
    ['a name twice', ['boots', 1, 'name'], 'box 1'],
    ['no file that IMA may measure', ['boots', 0, 'ima'], []],
    ['a file twice', ['boots', 0, 'ima', 1], fromHex(RELEASE.ima[0]!)],
    ['Secure Boot left open', ['boots', 0, 'secureBoot'], null],
    ['an unknown kind', ['tees', 0, 'kind'], 'any'],
    ['an accepted state that is none', ['tees', 2, 'tcb', 0], 'Revoked'],
    ['no accepted state', ['tees', 2, 'tcb'], []],
    ['three RTMRs', ['tees', 2, 'rtmr'], [1, 2, 3].map((byte) => new Uint8Array(48).fill(byte))],
    ['an RTMR left open', ['tees', 2, 'rtmr', 3], null],
    ['a version beyond a byte', ['tees', 1, 'minimumTcb', 'snp'], 256],
    ['a fifth privilege level', ['tees', 1, 'vmpl'], 4],
  ])('with %s are refused', (_, path, value) => {
    expect(() => parseReferenceValues(change(path, value))).toThrow(malformed)
  })
  it('that would be refused are not encoded', () => {
    expect(() => encodeReferenceValues({ ...document, boots: [{ ...RELEASE, ima: [] }] })).toThrow(malformed)
  })
})
