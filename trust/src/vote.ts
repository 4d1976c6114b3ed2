import { type Address, concatBytes, type Digest, fromHex, type Hex, type NodeId, toHex, utf8 } from './bytes.ts'
import { digestOf, sha256 } from './digest.ts'
import { createKnownLog, type KnownLog, PCR_C, PCR_R } from './event-log.ts'
import type { Evidence } from './evidence.ts'
import { TeapotError } from './teapot-error.ts'
import type { Outcome } from './verdict.ts'

export { APPROVED_STATUSES, ENTRY_STATUSES, NODE_STATUSES } from './ledger-facts.ts'

/** What a Verifier says of one node in one epoch (spec/trust-model.md §5). */
export interface Vote {
  chainId: number
  /** The Attestation contract. */
  attestation: Address
  epoch: number
  node: NodeId
  outcome: Outcome
  run: Digest
  /** The boot that was quoted: `bootOf` in tpm/attest.ts. */
  boot: number
  /** Digest of the evidence appraised; 32 zero bytes when none came. */
  evidence: Digest
  /** {@link shownDigest} of the evidence: what a dispute must show; 32 zero bytes when none came. */
  quote: Digest
}

/**
 * Digest of what a dispute about this evidence must show: the quote, and {@link shownLogs} (spec/trust-model.md §5.3).
 * @param known what is remembered of this node's log
 * @throws TeapotError `event-log/malformed`
 */
export function shownDigest(evidence: Pick<Evidence, 'quote' | 'log' | 'pcrs'>, known?: KnownLog): Digest {
  const { r, c } = shownLogs(evidence, known)
  return digestOf(concatBytes(sha256(evidence.quote.attest), sha256(concatBytes(...r)), sha256(concatBytes(...c))))
}

/**
 * The digests in the log of this evidence, by PCR: of what the quote covers, or of all where no prefix replays to the quote.
 * @throws TeapotError `event-log/malformed`
 */
export function shownLogs(
  evidence: Pick<Evidence, 'log' | 'pcrs'>,
  known: KnownLog = createKnownLog(),
): { r: Uint8Array[]; c: Uint8Array[] } {
  const records = known.read(evidence.log)
  const count = known.quotedPrefix({ r: evidence.pcrs[PCR_R]!, c: evidence.pcrs[PCR_C]! })
  const quoted = count < 0 ? records : records.slice(0, count)
  const digestsOf = (pcr: number) => quoted.filter((one) => one.pcr === pcr).map((one) => one.digest)
  return { r: digestsOf(PCR_R), c: digestsOf(PCR_C) }
}

/** An outcome as the ledger numbers it. */
export const OUTCOME_CODE = { affirm: 1, mismatch: 2, silence: 3 } as const satisfies Record<Outcome, number>

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const

/** The bytes whose SHA-256 is signed: ES256 over this is the vote's signature. */
export function encodeVote(vote: Vote): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    concatBytes(
      utf8('teapot/vote/1'),
      uint(vote.chainId, 32),
      sized(vote.attestation, 20),
      uint(vote.epoch, 8),
      sized(vote.node, 32),
      Uint8Array.of(OUTCOME_CODE[vote.outcome]),
      sized(vote.run, 32),
      uint(vote.boot, 8),
      sized(vote.evidence, 32),
      sized(vote.quote, 32),
    ),
  )
}

/** What the head of a ballot says: a Verifier's votes of one epoch (spec/rounds.md §3). */
export interface BallotHead extends Pick<Vote, 'chainId' | 'attestation' | 'epoch'> {
  voter: NodeId
  /** The encoded votes. */
  rows: Uint8Array
}

/** Signs a ballot with the Verifier's vote key. @returns r‖s, 64 bytes, with low s */
export function signBallot(head: BallotHead, key: CryptoKey): Promise<Hex> {
  return sign(encodeBallotHead(head), key)
}

/** Whether `signature` is this ballot's by `voteKey`, as {@link verifyVote}. */
export function verifyBallot(head: BallotHead, signature: Hex, voteKey: Hex): Promise<boolean> {
  return verify(encodeBallotHead(head), signature, voteKey)
}

function encodeBallotHead(head: BallotHead): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    concatBytes(
      utf8('teapot/ballot/1'),
      uint(head.chainId, 32),
      sized(head.attestation, 20),
      sized(head.voter, 32),
      uint(head.epoch, 8),
      sha256(head.rows),
    ),
  )
}

/** The digest that the contract recomputes and checks the signature against. */
export function voteDigest(vote: Vote): Digest {
  return digestOf(encodeVote(vote))
}

/** Signs with the Verifier's vote key (P-256). @returns r‖s, 64 bytes, with low s */
export function signVote(vote: Vote, key: CryptoKey): Promise<Hex> {
  return sign(encodeVote(vote), key)
}

/**
 * Whether `signature` (r‖s, low s) is this vote's by `voteKey` (uncompressed P-256 point).
 * A signature or key that is not well formed is `false`, not an error.
 */
export function verifyVote(vote: Vote, signature: Hex, voteKey: Hex): Promise<boolean> {
  return verify(encodeVote(vote), signature, voteKey)
}

async function sign(said: Uint8Array<ArrayBuffer>, key: CryptoKey): Promise<Hex> {
  const signature = new Uint8Array(await crypto.subtle.sign(ES256, key, said))
  const s = BigInt(toHex(signature.subarray(32)))
  if (s > ORDER / 2n) signature.set(uint(ORDER - s, 32), 32)
  return toHex(signature)
}

async function verify(said: Uint8Array<ArrayBuffer>, signature: Hex, voteKey: Hex): Promise<boolean> {
  if (signature.length !== 2 + 128 || voteKey.length !== 2 + 130) return false
  try {
    if (BigInt(`0x${signature.slice(66)}`) > ORDER / 2n) return false
    const key = await crypto.subtle.importKey('raw', copy(voteKey), P256, false, ['verify'])
    return await crypto.subtle.verify(ES256, key, copy(signature), said)
  } catch {
    return false
  }
}

function copy(hex: Hex): Uint8Array<ArrayBuffer> {
  return new Uint8Array(fromHex(hex))
}

function sized(hex: Hex, length: number): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes.length === length) return bytes
  throw new TeapotError('vote/malformed', `Cannot encode vote: expected ${length} bytes, found ${bytes.length}`)
}

function uint(value: number | bigint, length: number): Uint8Array {
  if (typeof value === 'number' && (!Number.isSafeInteger(value) || value < 0)) {
    throw new TeapotError('vote/malformed', `Cannot encode vote: expected an unsigned integer, found ${value}`)
  }
  return fromHex(
    `0x${BigInt(value)
      .toString(16)
      .padStart(length * 2, '0')}`,
  )
}
