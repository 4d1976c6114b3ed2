import {
  type CborValue,
  decodeCbor,
  encodeCbor,
  fromHex,
  type NodeId,
  OUTCOME_CODE,
  type Outcome,
  shapeOf,
} from '@teapot-network/trust'
import type { CastVote } from './tally.ts'

const shape = shapeOf('attest/bad-ballot', 'ballot')
const OUTCOMES = Object.keys(OUTCOME_CODE) as Outcome[]

/** One voter's votes of one epoch, as peers exchange them: CBOR `[[node, outcome, run, boot, evidence, quote, signature], …]`. */
export function encodeBallot(votes: Iterable<CastVote>): Uint8Array {
  const rows = [...votes].map((vote): CborValue[] => [
    fromHex(vote.node),
    vote.outcome,
    fromHex(vote.run),
    vote.boot,
    fromHex(vote.evidence),
    fromHex(vote.quote),
    fromHex(vote.signature),
  ])
  return encodeCbor(rows)
}

/** Reads a ballot of `voter`; says nothing of its signatures. @throws TeapotError `attest/bad-ballot`, `cbor/malformed` */
export function parseBallot(voter: NodeId, body: Uint8Array): CastVote[] {
  return shape.array(decodeCbor(body), 'ballot').map((row, i) => {
    const [node, outcome, run, boot, evidence, quote, signature] = shape.array(row, `ballot[${i}]`, 7)
    return {
      voter,
      node: shape.hex(node, 'node', 32),
      outcome: shape.oneOf(outcome, 'outcome', OUTCOMES),
      run: shape.hex(run, 'run', 32),
      boot: shape.uint(boot, 'boot'),
      evidence: shape.hex(evidence, 'evidence', 32),
      quote: shape.hex(quote, 'quote', 32),
      signature: shape.hex(signature, 'signature', 64),
    }
  })
}
