import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CheckpointHeader,
  encodeCbor,
  fromHex,
  leafHash,
  parseCheckpoint,
  runDigest,
  type SignedCheckpoint,
  sigStructure,
  toHex,
  utf8,
} from '@teapot-network/trust'
import { encodeCheckpointHeader, encodeEvidence, treeRoot } from '@teapot-network/trust/encode'
import fc from 'fast-check'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { genuine } from './genuine.fixture.ts'
import { witnessFiles } from './node/witness-files.ts'
import { readTiles } from './tiles.ts'
import { createWitness, Equivocation, nodeConsistency, type WitnessStore } from './witness.ts'

const { subtle } = globalThis.crypto
const leaves = Array.from({ length: 40 }, (_, i) => leafHash(utf8(`${i}`)))
/** The same log after its fourth leaf, but for that leaf. */
const forked = leaves.map((leaf, i) => (i === 3 ? leafHash(utf8('other')) : leaf))
const rootOf = (all: Uint8Array[], size: number) => toHex(treeRoot(all.slice(0, size)))

let key: CryptoKeyPair
let evidence: Uint8Array
let origin: Pick<CheckpointHeader, 'node' | 'log' | 'run'>

beforeAll(async () => {
  key = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const receipt = toHex(new Uint8Array(await subtle.exportKey('raw', key.publicKey)))
  const keys = { ...genuine.evidence.keys, receipt }
  evidence = encodeEvidence({ ...genuine.evidence, keys })
  origin = { node: genuine.evidence.node, log: 3, run: runDigest(keys) }
})

async function signed(
  sequence: number,
  size: number,
  { of = leaves, ...change }: { of?: Uint8Array[] } & Partial<CheckpointHeader> = {},
): Promise<SignedCheckpoint> {
  const header = { ...origin, sequence, size, previousRoot: rootOf(leaves, 0), ...change }
  const [protectedBytes, root] = [encodeCheckpointHeader(header), rootOf(of, size)]
  const message = new Uint8Array(sigStructure(protectedBytes, fromHex(root)))
  const signature = new Uint8Array(await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, message))
  return { ...header, root, protectedBytes, signature }
}

/** The node's own tiles: one, as far as it reaches. */
const asked: string[] = []
const ask = async (from: number, to: number) => {
  asked.push(`${from} ${to}`)
  const tiles = readTiles(async () => new Uint8Array(Buffer.concat(leaves.slice(0, to))), to)
  return tiles.consistency({ size: from, root: rootOf(leaves, from) }, { size: to, root: rootOf(leaves, to) })
}
const never = () => Promise.reject(new Error('nothing was to be asked'))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-witness-'))
  asked.length = 0
})
afterEach(() => rmSync(folder, { recursive: true }))

describe.each<[string, () => WitnessStore | undefined]>([
  ['in memory', () => undefined],
  ['in files', () => witnessFiles(join(folder, 'seen'))],
])('a witness that remembers %s', (_, makeStore) => {
  test('demands that each log goes on from what it saw of it, in whatever order', async () => {
    const witness = createWitness(makeStore())
    await witness.see(await signed(1, 5), evidence, never)
    await Promise.all([
      witness.see(await signed(9, 30), evidence, ask),
      witness.see(await signed(4, 12), evidence, ask),
      witness.see(await signed(9, 30), evidence, ask),
    ])
    expect([
      ['5 30', '12 30'],
      ['5 12', '12 30'],
    ]).toContainEqual(asked)
    await witness.see(await signed(12, 30), evidence, never)
    await witness.see(await signed(1, 30, { of: forked, log: 4 }), evidence, never)
  })
  test('finds two checkpoints under one number, and hands out both with what a contract needs', async () => {
    const witness = createWitness(makeStore())
    const [first, second] = [await signed(7, 9), await signed(7, 9, { of: forked })]
    await witness.see(first, evidence, never)
    const found = await witness.see(second, evidence, never).catch((error: unknown) => error)
    expect(found).toBeInstanceOf(Equivocation)
    const { first: a, second: b } = found as Equivocation
    expect([a, b].map(({ checkpoint }) => parseCheckpoint(checkpoint))).toEqual([first, second])
    expect([a.evidence, b.evidence]).toEqual([evidence, evidence])
  })
})

describe('a checkpoint is refused', () => {
  const equivocation = 'sdk/equivocation'
  test.each<[string, string, [number, number, object?], typeof ask]>([
    ['that differs in size under one number', equivocation, [7, 10], never],
    ['that differs in what it says came before', equivocation, [7, 9, { previousRoot: rootOf(leaves, 1) }], never],
    ['that forgets leaves', 'sdk/log-forked', [9, 8], never],
    ['of equal size and another root', 'sdk/log-forked', [9, 9, { of: forked }], never],
    ['that no proof joins to the one before', 'sdk/log-forked', [9, 12, { of: forked }], ask],
    ['that follows, but does not name the root before', 'sdk/log-forked', [8, 12], ask],
    ['older than the last, and no prefix of it', 'sdk/log-forked', [2, 4, { of: forked }], ask],
    ['of another run than the evidence', 'sdk/checkpoint-unsigned', [9, 12, { run: rootOf(leaves, 1) }], never],
    ['of another node than the evidence', 'sdk/checkpoint-unsigned', [9, 12, { node: rootOf(leaves, 1) }], never],
  ])('%s', async (_, code, [sequence, size, change], fetch) => {
    const witness = createWitness()
    await witness.see(await signed(7, 9), evidence, never)
    await expect(witness.see(await signed(sequence, size, change), evidence, fetch)).rejects.toMatchObject({ code })
    await witness.see(await signed(20, 30), evidence, ask)
  })
  test('that nobody signed', async () => {
    const altered = { ...(await signed(1, 5)), root: rootOf(leaves, 6) }
    const unsigned = expect.objectContaining({ code: 'sdk/checkpoint-unsigned' })
    await expect(createWitness().see(altered, evidence, never)).rejects.toThrow(unsigned)
  })
  test('while the node does not answer, and what was seen is kept', async () => {
    const witness = createWitness()
    await witness.see(await signed(1, 5), evidence, never)
    await expect(witness.see(await signed(2, 9, { previousRoot: rootOf(leaves, 5) }), evidence, never)).rejects.toThrow(
      'asked',
    )
    await expect(witness.see(await signed(1, 6), evidence, never)).rejects.toThrow(Equivocation)
  })
})

test('what a node answers is an array of hashes, or refused', async () => {
  const answer = (bytes: Uint8Array) => nodeConsistency(async () => bytes)(1, 2)
  const hashes = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 60 })
  await fc.assert(fc.asyncProperty(hashes, async (path) => void expect(await answer(encodeCbor(path))).toEqual(path)))
  for (const bad of [encodeCbor({}), encodeCbor([1]), encodeCbor([new Uint8Array(31)]), encodeCbor(null)]) {
    await expect(answer(bad)).rejects.toMatchObject({ code: 'sdk/bad-answer' })
  }
  const refusal = expect.objectContaining({ code: expect.stringMatching(/^(cbor\/malformed|sdk\/bad-answer)$/) })
  const anything = fc.uint8Array({ maxLength: 80 })
  const isReadOrRefused = async (bytes: Uint8Array) => {
    const read = await answer(bytes).catch((error: unknown) => void expect(error).toEqual(refusal))
    if (read) expect(read.every(({ length }) => length === 32)).toBe(true)
  }
  await fc.assert(fc.asyncProperty(anything, isReadOrRefused))
})

test('a file of a witness that is damaged is told of, not forgotten', async () => {
  for (const bytes of [encodeCbor([1]), encodeCbor(['a', 'b'])]) {
    writeFileSync(join(folder, 'a.1.cbor'), bytes)
    await expect(witnessFiles(folder).get('a.1')).rejects.toMatchObject({ code: 'sdk/witness-damaged' })
  }
})
