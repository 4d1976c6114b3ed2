import { expect } from 'vitest'
import { encodeBundle } from '../encode.ts'
import {
  type LedgerFacts,
  type ProofBundle,
  type ProofExpectation,
  type Reason,
  sha256,
  toHex,
  utf8,
  verifyProof,
} from '../index.ts'
import { makeSampleProof, REQUEST, RESPONSE } from './sample-proof.fixture.ts'

/** A digest that is not the one expected. */
export const other = toHex(sha256(utf8('other')))
export const sample = await makeSampleProof()
/** A caller that knows request, response and ledger. */
export const known: ProofExpectation = { request: REQUEST, response: RESPONSE, facts: sample.facts }

/** A reason, and all that it rests on. */
export function flatten(reasons: readonly Reason[]): Reason[] {
  return reasons.flatMap((reason) => [reason, ...flatten(reason.because ?? [])])
}

/** Ids of what failed at the bottom, in a proof that is not affirmed. */
export async function failures(bytes: Uint8Array, expected: ProofExpectation = known): Promise<string[]> {
  const verdict = await verifyProof(bytes, expected)
  expect(verdict.tier).not.toBe('affirming')
  return flatten(verdict.reasons)
    .filter(({ status, because }) => status === 'fail' && !because)
    .map(({ id }) => id)
}

/** The sample's bundle with other parts. */
export const altered = (change: Partial<ProofBundle>) => encodeBundle({ ...sample.bundle, ...change })

/** The caller's ledger, changed. */
export function factsWith(change: (facts: LedgerFacts) => void): LedgerFacts {
  const facts = structuredClone(sample.facts)
  change(facts)
  return facts
}
