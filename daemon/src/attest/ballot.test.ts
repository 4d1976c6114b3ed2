import { encodeCbor } from '@teapot-network/trust'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseActivation } from './activation-gate.ts'
import {
  answerVotes,
  type Ballot,
  encodeBallots,
  encodeRows,
  fitsNodes,
  parseBallots,
  parseEpochRequest,
  votesIn,
} from './ballot.ts'
import type { CastVote } from './tally.ts'

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => `0x${Buffer.from(b).toString('hex')}` as const)
const hexOf = (bytes: number, n: number) => `0x${n.toString(16).padStart(2 * bytes, '0')}` as const
const voter = `0x${'aa'.repeat(32)}` as const
const vote: fc.Arbitrary<CastVote> = fc.record({
  voter: fc.constant(voter),
  node: hex(32),
  outcome: fc.constantFrom('affirm', 'mismatch', 'silence'),
  run: hex(32),
  boot: fc.nat(),
  evidence: hex(32),
  quote: hex(32),
  signature: hex(64),
})
const ballot: fc.Arbitrary<Ballot> = fc.record({
  voter: hex(32),
  rows: fc.uint8Array({ maxLength: 40 }),
  signature: hex(64),
})
const badBallot = expect.objectContaining({ code: 'attest/bad-ballot' })

test('ballots and their votes are read as they were written', () => {
  fc.assert(
    fc.property(fc.array(ballot, { maxLength: 4 }), fc.array(vote, { maxLength: 5 }), (ballots, votes) => {
      expect(parseBallots(encodeBallots(ballots))).toEqual(ballots)
      expect(votesIn({ voter, rows: encodeRows(votes) })).toEqual(votes)
    }),
  )
})

test('what is no ballot is refused: another shape, another length, another outcome', () => {
  const [long, short] = [new Uint8Array(64), new Uint8Array(32)]
  const row = [short, 'affirm', short, 1, short, short, long]
  const bad = [{}, [row.slice(1)], [[new Uint8Array(31), ...row.slice(1)]], [[row[0]!, 'maybe', ...row.slice(2)]]]
  for (const value of bad) expect(() => votesIn({ voter, rows: encodeCbor(value) })).toThrow(badBallot)
  const head = [short, short, long]
  for (const value of [{}, [head.slice(1)], [[long, short, long]], [[short, 'rows', long]]]) {
    expect(() => parseBallots(encodeCbor(value))).toThrow(badBallot)
  }
})

test('junk from a peer is refused by its code, whatever it is', () => {
  const codes = ['attest/bad-ballot', 'attest/bad-request', 'cbor/malformed']
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (junk) => {
      const rows = (b: Uint8Array) => votesIn({ voter, rows: b })
      for (const read of [parseBallots, rows, parseEpochRequest, parseActivation]) {
        try {
          read(junk)
        } catch (error) {
          expect(codes).toContain((error as { code?: string }).code)
        }
      }
    }),
  )
})

test('a request names one epoch, an activation who asks for it', () => {
  expect(parseEpochRequest(encodeCbor([7]))).toBe(7)
  expect(() => parseEpochRequest(encodeCbor([-1]))).toThrow(expect.objectContaining({ code: 'attest/bad-request' }))
  expect(() => parseActivation(encodeCbor([new Uint8Array(2)]))).toThrow(
    expect.objectContaining({ code: 'attest/bad-request' }),
  )
})

test('the largest honest ballot fits, and one that is larger does not', () => {
  const longest = (node: number): CastVote => ({
    ...{ voter, node: hexOf(32, node), outcome: 'mismatch', run: hexOf(32, 1), boot: Number.MAX_SAFE_INTEGER },
    ...{ evidence: hexOf(32, 2), quote: hexOf(32, 3), signature: hexOf(64, 4) },
  })
  const rows = (votes: number) => encodeRows(Array.from({ length: votes }, (_, i) => longest(i)))
  for (const nodes of [1, 30, 200]) expect(fitsNodes({ rows: rows(nodes) }, nodes)).toBe(true)
  expect(fitsNodes({ rows: rows(40) }, 30)).toBe(false)
})

test('a bulky ballot keeps nobody’s out of an answer', () => {
  const of = (voter: number, size: number): Ballot => {
    return { voter: hexOf(32, voter), rows: new Uint8Array(size), signature: hexOf(64, 0) }
  }
  const body = answerVotes(of(1, 300), [of(2, 2 << 20), of(3, 2 << 20), of(4, 300), of(5, 400)])
  expect(parseBallots(body).map((one) => Number(one.voter))).toEqual([1, 4, 5, 2])
  expect(body.length).toBeLessThan(4 << 20)
})
