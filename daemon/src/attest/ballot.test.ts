import { encodeCbor } from '@teapot-network/trust'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeBallot, parseBallot } from './ballot.ts'
import { parseActivation } from './enrolment.ts'
import { parseEpochRequest } from './peer-verifier.ts'
import type { CastVote } from './tally.ts'

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => `0x${Buffer.from(b).toString('hex')}` as const)
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

test('a ballot is read as it was written', () => {
  fc.assert(
    fc.property(fc.array(vote, { maxLength: 5 }), (votes) => {
      expect(parseBallot(voter, encodeBallot(votes))).toEqual(votes)
    }),
  )
})

test('what is no ballot is refused: another shape, another length, another outcome', () => {
  const row = [
    new Uint8Array(32),
    'affirm',
    new Uint8Array(32),
    1,
    new Uint8Array(32),
    new Uint8Array(32),
    new Uint8Array(64),
  ]
  const bad = [{}, [row.slice(1)], [[new Uint8Array(31), ...row.slice(1)]], [[row[0]!, 'maybe', ...row.slice(2)]]]
  for (const value of bad)
    expect(() => parseBallot(voter, encodeCbor(value))).toThrow(expect.objectContaining({ code: 'attest/bad-ballot' }))
})

test('junk from a peer is refused by its code, whatever it is', () => {
  const codes = ['attest/bad-ballot', 'attest/bad-request', 'cbor/malformed']
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (junk) => {
      for (const read of [(b: Uint8Array) => parseBallot(voter, b), parseEpochRequest, parseActivation]) {
        try {
          read(junk)
        } catch (error) {
          expect(codes).toContain((error as { code?: string }).code)
        }
      }
    }),
  )
})

test('a request names one epoch, an activation two byte strings', () => {
  expect(parseEpochRequest(encodeCbor([7]))).toBe(7)
  expect(() => parseEpochRequest(encodeCbor([-1]))).toThrow(expect.objectContaining({ code: 'attest/bad-request' }))
  expect(() => parseActivation(encodeCbor([new Uint8Array(2)]))).toThrow(
    expect.objectContaining({ code: 'attest/bad-request' }),
  )
})
