import { type CheckpointSummary, decodeCbor, encodeCbor, fromHex, leafHash, toHex, utf8 } from '@teapot-network/trust'
import { treeRoot } from '@teapot-network/trust/encode'
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { answerConsistency, openCheckpointBook, parseHashes } from './checkpoint-book.ts'
import { freshFolder, id } from './round.fixture.ts'
import { answerWitness } from './witnesses.ts'

const file = freshFolder()
let path: string
beforeEach(() => {
  path = file('checkpoints.json')
})

const leaves = (size: number, story = '') => Array.from({ length: size }, (_, i) => leafHash(utf8(`${i} ${story}`)))
function head(size: number, { log = 1, sequence = size, story = '' } = {}): CheckpointSummary {
  return { log, sequence, size, root: toHex(treeRoot(leaves(size, story))) }
}
/** RFC 9162 §2.1.4.1 */
function consistencyPath(from: number, to: Uint8Array[], whole = true): Uint8Array[] {
  if (from === to.length) return whole ? [] : [treeRoot(to)]
  const k = 2 ** Math.floor(Math.log2(to.length - 1))
  return from <= k
    ? [...consistencyPath(from, to.slice(0, k), whole), treeRoot(to.slice(k))]
    : [...consistencyPath(from - k, to.slice(k), false), treeRoot(to.slice(0, k))]
}
const prove = async (from: number, to: number) => consistencyPath(from, leaves(to))
const refusal = { code: 'attest/log-not-extended' }

test('a log that grows, stands still, or is followed by one of a higher number is taken, and known after a restart', async () => {
  const book = await openCheckpointBook(path)
  const story = [head(0), head(3), head(3), head(3, { sequence: 4 }), head(8), head(0, { log: 2 })]
  for (const [i, checkpoint] of story.entries()) {
    await book.extend(id(1), checkpoint, id(i), prove)
    expect((await openCheckpointBook(path)).witnessed(id(1))).toBe(id(i))
  }
  expect(book.witnessed(id(2))).toBeUndefined()
})

test.each([
  ['is shorter', head(4)],
  ['has the same length and other leaves', head(5, { sequence: 6, story: 'other' })],
  ['has other leaves at its beginning', head(7, { story: 'other' })],
  ['grew without another checkpoint', head(6, { sequence: 5 })],
  ['went back to an earlier checkpoint', head(6, { sequence: 4 })],
  ['has an older number', head(9, { log: 0 })],
])('a log that %s is refused, also after a restart, and what was known stays', async (_, checkpoint) => {
  await (await openCheckpointBook(path)).extend(id(1), head(5), id(0xa), prove)
  const book = await openCheckpointBook(path)
  await expect(book.extend(id(1), checkpoint, id(0xb), prove)).rejects.toMatchObject(refusal)
  expect(book.witnessed(id(1))).toBe(id(0xa))
  await book.extend(id(1), head(7), id(0xc), prove)
})

test('a node has to continue all that others were shown of it, and what came first is what is told on', async () => {
  const book = await openCheckpointBook(path)
  await book.learn(id(1), head(5), id(0xa))
  await book.learn(id(1), head(6, { story: 'other' }), id(0xb))
  await expect(book.extend(id(1), head(7), id(0xc), prove)).rejects.toMatchObject(refusal)
  expect((await openCheckpointBook(path)).witnessed(id(1))).toBe(id(0xa))
  await book.extend(id(1), head(0, { log: 2 }), id(0xd), prove)
  await book.extend(id(1), head(1, { log: 2 }), id(0xe), prove)
})

test('what is learnt while a node takes its time to prove has to be continued as well', async () => {
  const book = await openCheckpointBook(path)
  await book.extend(id(1), head(5), id(0xa), prove)
  const slow = async (from: number, to: number) => {
    await book.learn(id(1), head(6, { story: 'other' }), id(0xb))
    return prove(from, to)
  }
  await expect(book.extend(id(1), head(7), id(0xc), slow)).rejects.toMatchObject(refusal)
  expect(book.witnessed(id(1))).toBe(id(0xa))
})

test('a node answers for the log that it writes and for no other', () => {
  const log = {
    checkpoint: () => head(7),
    consistencyProof: (from: number, to: number) => consistencyPath(from, leaves(to)),
  }
  const path = parseHashes(answerConsistency(encodeCbor([1, 3, 7]), log))
  expect(path).toEqual(consistencyPath(3, leaves(7)))
  expect(() => answerConsistency(encodeCbor([2, 3, 7]), log)).toThrow(
    expect.objectContaining({ code: 'attest/no-such-log' }),
  )
})

test('a witness answers with what it holds, or with nothing', async () => {
  const book = await openCheckpointBook(path)
  await book.extend(id(1), head(0), id(7), prove)
  const held = async (evidence: string) => (evidence === id(7) ? utf8('evidence') : Promise.reject(new Error('gone')))
  const ask = (node: number) => answerWitness(encodeCbor([fromHex(id(node))]), book, held)
  expect([await ask(1), await ask(2)]).toEqual([utf8('evidence'), new Uint8Array()])
  await book.extend(id(1), head(1), id(8), prove)
  expect(await ask(1)).toEqual(new Uint8Array())
})

test('junk is refused by its code, whatever it is', async () => {
  const log = { checkpoint: () => head(0), consistencyProof: () => [] }
  const reads: [(bytes: Uint8Array) => unknown, string][] = [
    [parseHashes, 'attest/bad-answer'],
    [(bytes) => answerConsistency(bytes, log), 'attest/bad-request'],
    [(bytes) => answerWitness(bytes, { witnessed: () => undefined }, async () => bytes), 'attest/bad-request'],
  ]
  const value = fc.oneof(fc.integer().map(encodeCbor), fc.array(fc.string()).map(encodeCbor), fc.uint8Array())
  await fc.assert(
    fc.asyncProperty(value, async (bytes) => {
      for (const [read, code] of reads) {
        try {
          await read(bytes)
          expect(Array.isArray(decodeCbor(bytes))).toBe(true)
        } catch (error) {
          expect([code, 'cbor/malformed', 'attest/no-such-log']).toContain((error as { code?: string }).code)
        }
      }
    }),
  )
})
