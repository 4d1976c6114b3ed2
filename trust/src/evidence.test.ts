import { describe, expect, it } from 'vitest'
import { swtpm } from '../vectors/swtpm.ts'
import { encodeEvidence } from './encode.ts'
import {
  type CborValue,
  concatBytes,
  decodeCbor,
  digestOf,
  type Evidence,
  encodeCbor,
  epochNonce,
  evidenceDigest,
  fromHex,
  parseAttest,
  parseEvidence,
  qualifyingData,
  runDigest,
  toHex,
  utf8,
} from './index.ts'
import { promiseParser } from './parser.behavior.ts'

const evidence = parseEvidence(swtpm.evidence)
type Fields = Map<string, CborValue>

function change(path: string[], value: CborValue | undefined): Uint8Array {
  const root = decodeCbor(swtpm.evidence) as Fields
  const parent = path.slice(0, -1).reduce((map, key) => map.get(key) as Fields, root)
  if (value === undefined) parent.delete(path.at(-1)!)
  else parent.set(path.at(-1)!, value)
  return encodeCbor(root)
}

describe('evidence', () => {
  promiseParser(parseEvidence, { valid: swtpm.evidence, codes: ['evidence/malformed'] })

  it('has one encoding', () => {
    expect(encodeEvidence(evidence)).toEqual(swtpm.evidence)
    expect(evidenceDigest(swtpm.evidence)).toBe(digestOf(swtpm.evidence))
  })
  it('carries the qualifying data that a real TPM signed', () => {
    const attest = parseAttest(evidence.quote.attest)
    expect(toHex(attest.extraData)).toBe(qualifyingData(evidence))
  })

  it.each([...(decodeCbor(swtpm.evidence) as Fields).keys()])('without %s is refused', (field) => {
    expect(() => parseEvidence(change([field], undefined))).toThrow(
      expect.objectContaining({ code: 'evidence/malformed' }),
    )
  })
  it.each<[string, string[], CborValue]>([
    ['a version to come', ['v'], 2],
    ['a type to come', ['type'], 'tpm-by-telephone'],
    ['a node id of 31 bytes', ['node'], new Uint8Array(31)],
    ['an operator of 32 bytes', ['operator'], new Uint8Array(32)],
    ['a negative epoch', ['epoch'], -1],
    ['an epoch past 2^53', ['epoch'], 2n ** 60n],
    ['a text for an epoch', ['epoch'], '7'],
    ['an unknown field', ['comment'], 'hello'],
    ['an unknown key', ['keys', 'admin'], new Uint8Array(32)],
    ['a receipt key of 33 bytes', ['keys', 'receipt'], new Uint8Array(33)],
    ['a block without a hash', ['chain', 'block'], [1]],
    ['a checkpoint without a root', ['checkpoint'], [1, 2, 3]],
    ['a quote that is a text', ['quote', 'attest'], 'quote'],
    ['a PCR 24', ['pcrs'], new Map([[24, new Uint8Array(32)]])],
    ['a PCR named by a text', ['pcrs'], new Map([['12', new Uint8Array(32)]])],
    ['a SHA-1 PCR', ['pcrs'], new Map([[12, new Uint8Array(20)]])],
    ['PCRs as an array', ['pcrs'], []],
    ['nine certificates', ['ek'], Array.from({ length: 9 }, () => new Uint8Array(1))],
    ['a certificate that is a text', ['ek'], ['-----BEGIN']],
  ])('with %s is refused', (_, path, value) => {
    expect(() => parseEvidence(change(path, value))).toThrow(expect.objectContaining({ code: 'evidence/malformed' }))
  })
})

describe('qualifying data', () => {
  const { chain, keys, checkpoint } = evidence
  const other = digestOf(utf8('other'))
  const changes: [string, Partial<Evidence>][] = [
    ['nonce', { nonce: other }],
    ['chain id', { chain: { ...chain, id: 1 } }],
    ['registry', { chain: { ...chain, registry: evidence.operator } }],
    ['block number', { chain: { ...chain, block: { ...chain.block, number: 41 } } }],
    ['block hash', { chain: { ...chain, block: { ...chain.block, hash: other } } }],
    ['operator', { operator: chain.registry }],
    ['receipt key', { keys: { ...keys, receipt: toHex(new Uint8Array(65)) } }],
    ['seal key', { keys: { ...keys, seal: keys.peer } }],
    ['peer key', { keys: { ...keys, peer: keys.seal } }],
    ['log number', { checkpoint: { ...checkpoint, log: 2 } }],
    ['sequence', { checkpoint: { ...checkpoint, sequence: 1 } }],
    ['size', { checkpoint: { ...checkpoint, size: 1 } }],
    ['root', { checkpoint: { ...checkpoint, root: other } }],
  ]
  it.each(changes)('changes with the %s', (_, changed) => {
    expect(qualifyingData({ ...evidence, ...changed })).not.toBe(qualifyingData(evidence))
  })
})

describe('a run and an epoch', () => {
  it('are named by the run keys', () => {
    const { receipt, seal, peer } = evidence.keys
    const named = encodeCbor(['teapot/run/1', fromHex(receipt), fromHex(seal), fromHex(peer)])
    expect(runDigest(evidence.keys)).toBe(digestOf(named))
  })
  it('give each node a nonce of its own', () => {
    const seed = digestOf(utf8('seed'))
    const expected = digestOf(
      concatBytes(utf8('teapot/nonce/1'), fromHex(seed), Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2), fromHex(evidence.node)),
    )
    expect(epochNonce(seed, 258, evidence.node)).toBe(expected)
    expect(epochNonce(seed, 258, toHex(new Uint8Array(32)))).not.toBe(expected)
  })
})
