import {
  type CborValue,
  decodeCbor,
  encodeCbor,
  fromHex,
  type Hex,
  type NodeId,
  type Outcome,
  shapeOf,
} from '@teapot-network/trust'
import { OUTCOME_CODE } from '@teapot-network/trust/vote'
import type { CastVote } from './tally.ts'

/** One voter's votes of one epoch, signed by its vote key (spec/rounds.md §3). */
export interface Ballot {
  voter: NodeId
  /** {@link encodeRows}: what was signed. */
  rows: Uint8Array
  /** r‖s over the head. */
  signature: Hex
}

const shape = shapeOf('attest/bad-ballot', 'ballot')
const request = shapeOf('attest/bad-request', 'request')
const OUTCOMES = Object.keys(OUTCOME_CODE) as Outcome[]
/** No vote takes more: eight heads, the digests of node, run, evidence and quote, an outcome, a boot and a signature. */
const ROW_SIZE_LIMIT_BYTES = 256
/** What is told of others' ballots in one answer, well within a frame of the lattice. */
const HEARD_SIZE_LIMIT_BYTES = 3 << 20

/** Whether a ballot is no larger than one with a vote on each of so many nodes: a voter could sign any number of rows. */
export function fitsNodes({ rows }: Pick<Ballot, 'rows'>, nodes: number): boolean {
  return rows.length <= ROW_SIZE_LIMIT_BYTES * (nodes + 1)
}

/** Votes as CBOR `[[node, outcome, run, boot, evidence, quote, signature], …]`. */
export function encodeRows(votes: Iterable<CastVote>): Uint8Array {
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

/** Reads the votes of a ballot; says nothing of their signatures. @throws TeapotError `attest/bad-ballot`, `cbor/malformed` */
export function votesIn({ voter, rows }: Pick<Ballot, 'voter' | 'rows'>): CastVote[] {
  return shape.array(decodeCbor(rows), 'ballot').map((row, i) => {
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

/** Ballots as peers exchange them: CBOR `[[voter, rows, signature], …]`. */
export function encodeBallots(ballots: Iterable<Ballot>): Uint8Array {
  const all = [...ballots].map(({ voter, rows, signature }): CborValue[] => {
    return [fromHex(voter), rows, fromHex(signature)]
  })
  return encodeCbor(all)
}

/** An answer to `votes`: this node's own ballot, and of those that it heard as many as fit, the shortest first, so that none keeps others out. */
export function answerVotes(own: Ballot, heard: Iterable<Ballot>): Uint8Array {
  let left = HEARD_SIZE_LIMIT_BYTES
  const shortestFirst = [...heard].sort((a, b) => a.rows.length - b.rows.length)
  const fitting = shortestFirst.filter(({ rows }) => {
    left -= rows.length + ROW_SIZE_LIMIT_BYTES
    return left >= 0
  })
  return encodeBallots([own, ...fitting])
}

/** Reads the body of `votes`: CBOR `[epoch]`. @throws TeapotError `attest/bad-request` */
export function parseEpochRequest(body: Uint8Array): number {
  return request.uint(request.array(request.decode(body), 'request', 1)[0], 'epoch')
}

/** Reads what a peer answered; says nothing of the signatures. @throws TeapotError `attest/bad-ballot`, `cbor/malformed` */
export function parseBallots(body: Uint8Array): Ballot[] {
  return shape.array(decodeCbor(body), 'ballots').map((ballot, i) => {
    const [voter, rows, signature] = shape.array(ballot, `ballots[${i}]`, 3)
    return {
      voter: shape.hex(voter, 'voter', 32),
      rows: shape.bytes(rows, 'rows'),
      signature: shape.hex(signature, 'signature', 64),
    }
  })
}
