import type { Ledger } from '@teapot-network/ledger'
import {
  appraise,
  type Digest,
  decodeCbor,
  type Evidence,
  encodeCbor,
  epochNonce,
  evidenceDigest,
  type Hex,
  type LedgerFacts,
  type NodeId,
  type NodeRecord,
  type Policy,
  parseEvidence,
  shownDigest,
  TeapotError,
  type Verdict,
} from '@teapot-network/trust'
import type { Lattice } from '../lattice/lattice.ts'
import type { EnrolmentBook } from './enrolment.ts'

/** A peer's evidence of one epoch, appraised. */
export interface PeerAppraisal {
  verdict: Verdict
  /** Zero digests when none came, or none that says anything. */
  evidence: Digest
  quote: Digest
  bytes?: Uint8Array
}

/** Challenges peers and appraises what they show; remembers which transport key each was seen with. */
export interface PeerVerifier {
  appraise(subject: NodeRecord, facts: LedgerFacts, signal: AbortSignal): Promise<PeerAppraisal>
  /** Transport keys that a node's evidence named, newest last. */
  peerKeys(node: NodeId): readonly Hex[]
}

export interface PeerVerifierParts {
  lattice: Lattice
  ledger: Ledger
  enrolment: EnrolmentBook
  /** The appraisal policy in force; undefined until provisioned. */
  policy(): Policy | undefined
}

const ZERO = `0x${'00'.repeat(32)}` as Digest

export function createPeerVerifier(parts: PeerVerifierParts): PeerVerifier {
  const seen = new Map<NodeId, Hex[]>()

  function remember(node: NodeId, key: Hex): void {
    const keys = seen.get(node) ?? []
    if (!keys.includes(key)) seen.set(node, [...keys.slice(-7), key])
  }

  return {
    peerKeys: (node) => seen.get(node) ?? [],
    async appraise(subject, facts, signal) {
      const policy = parts.policy()
      if (!policy) {
        throw new TeapotError('attest/no-policy', 'Cannot appraise: the appraisal policy is not provisioned yet', {
          kind: 'unavailable',
        })
      }
      const { p2p } = JSON.parse(subject.contact)
      const answer = await parts.lattice.request(p2p, 'evidence', encodeCbor([facts.epoch.number]), signal)
      const evidence = parseEvidence(answer.body)
      const caughtUp = await catchUp(parts.ledger, facts, evidence, signal)
      const named = await parts.ledger.readBlock(evidence.chain.block.number, { signal })
      const knownBlocks = new Map(named && [[named.number, named.hash]])
      const nonce = epochNonce(facts.epoch.seed, facts.epoch.number, subject.id)
      const expected = { node: subject.id, nonce, peerKey: answer.peerKey }
      const verdict = await appraise(evidence, expected, caughtUp, policy, { knownBlocks })
      if (verdict.outcome !== 'silence') remember(subject.id, answer.peerKey)
      if (verdict.outcome === 'affirm') await parts.enrolment.require(subject, evidence, p2p, signal)
      if (verdict.outcome === 'silence') return { verdict, evidence: ZERO, quote: ZERO, bytes: answer.body }
      return { verdict, evidence: evidenceDigest(answer.body), quote: shownDigest(evidence), bytes: answer.body }
    },
  }
}

/** A Verifier first catches up to the block that the quote names (spec/trust-model.md §4), so that no honest node is hit for being ahead. */
async function catchUp(
  ledger: Ledger,
  facts: LedgerFacts,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<LedgerFacts> {
  if (evidence.chain.block.number <= facts.block.number) return facts
  const newer = await ledger.readFacts({ signal })
  return { ...newer, epoch: facts.epoch }
}

/** The body of a lattice request that asks for one epoch. @throws TeapotError `attest/bad-request` */
export function parseEpochRequest(body: Uint8Array): number {
  const value = decodeCbor(body)
  if (Array.isArray(value) && value.length === 1 && typeof value[0] === 'number' && value[0] >= 0) return value[0]
  throw new TeapotError('attest/bad-request', 'Cannot answer: expected CBOR [epoch]')
}
