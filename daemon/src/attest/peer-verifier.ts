import type { Ledger } from '@teapot-network/ledger'
import {
  appraise,
  type CheckpointSummary,
  createKnownLog,
  type Digest,
  type Evidence,
  type EvidenceType,
  encodeCbor,
  epochNonce,
  evidenceDigest,
  type Hex,
  type KnownLog,
  type LedgerFacts,
  type NodeId,
  type NodeRecord,
  type Policy,
  parseEvidence,
  TeapotError,
  type Verdict,
} from '@teapot-network/trust'
import { appraisersOf } from '@teapot-network/trust/appraisers'
import type { ReferenceValuesDocument } from '@teapot-network/trust/boot'
import { shownDigest } from '@teapot-network/trust/vote'
import type { Lattice } from '../lattice/lattice.ts'
import { type CheckpointBook, parseHashes } from './checkpoint-book.ts'
import type { EnrolmentBook } from './enrolment.ts'
import { createLogMemory, encodeEvidenceRequest, wholeEvidence } from './log-suffix.ts'

/** A peer's evidence, appraised for one epoch. */
export interface PeerAppraisal {
  node: NodeId
  verdict: Verdict
  /** Whether it is that node's, quoted in that epoch, whatever else it shows. */
  genuine: boolean
  evidence: Digest
  /** What a dispute must show of it; zero where the log cannot be read. */
  quote: Digest
  type: EvidenceType
  checkpoint: CheckpointSummary
  bytes: Uint8Array
}

/** Challenges peers and appraises what they show; remembers which transport key each was seen with. */
export interface PeerVerifier {
  /** @throws TeapotError `attest/log-not-extended` when what holds goes back behind a checkpoint that was seen before */
  appraise(subject: NodeRecord, facts: LedgerFacts, signal: AbortSignal): Promise<PeerAppraisal>
  /** Appraises evidence of the facts' epoch that somebody else served: nothing is remembered of it, and no mismatch in it is a ground for a vote. */
  read(bytes: Uint8Array, subject: NodeId, facts: LedgerFacts, signal: AbortSignal): Promise<PeerAppraisal>
  /** Transport keys that a node's evidence named, newest last. */
  peerKeys(node: NodeId): readonly Hex[]
}

export interface PeerVerifierParts {
  lattice: Pick<Lattice, 'request'>
  ledger: Ledger
  enrolment: EnrolmentBook
  checkpoints: CheckpointBook
  /** The appraisal policy in force; undefined until provisioned. */
  policy(): Policy | undefined
  /** What machines may show from beneath the launcher; undefined where the ledger has none. */
  references(): ReferenceValuesDocument | undefined
}

const ZERO = `0x${'00'.repeat(32)}` as Digest
/** What must hold for evidence to be a node's own of an epoch (spec/trust-model.md §2.2, §2.4). */
const GROUNDS = ['identity', 'quote']

export function createPeerVerifier(parts: PeerVerifierParts): PeerVerifier {
  const seen = new Map<NodeId, Hex[]>()
  const memories = createLogMemory()

  function remember(node: NodeId, key: Hex): void {
    const keys = seen.get(node) ?? []
    if (!keys.includes(key)) seen.set(node, [...keys.slice(-7), key])
  }

  function policyInForce(): Policy {
    const policy = parts.policy()
    if (policy) return policy
    throw new TeapotError('attest/no-policy', 'Cannot appraise: the appraisal policy is not provisioned yet', {
      kind: 'unavailable',
    })
  }

  async function weigh(
    bytes: Uint8Array,
    node: NodeId,
    facts: LedgerFacts,
    signal: AbortSignal,
    { peerKey, log = createKnownLog() }: { peerKey?: Hex; log?: KnownLog },
  ): Promise<PeerAppraisal> {
    const policy = policyInForce()
    const evidence = parseEvidence(bytes)
    const caughtUp = await catchUp(parts.ledger, facts, evidence, signal)
    const named = await parts.ledger.readBlock(evidence.chain.block.number, { signal })
    const knownBlocks = new Map(named && [[named.number, named.hash]])
    const nonce = epochNonce(facts.epoch.seed, facts.epoch.number, node)
    const expected = { node, nonce, ...(peerKey && { peerKey }) }
    const beneath = await appraisersOf(evidence, parts.references())
    const verdict = await appraise(evidence, expected, caughtUp, policy, { knownBlocks, known: log, ...beneath })
    const genuine = verdict.reasons.every(({ id, status }) => !GROUNDS.includes(id) || status === 'pass')
    const digests = { evidence: evidenceDigest(bytes), quote: shownIn(evidence, log) }
    return { node, verdict, genuine, ...digests, type: evidence.type, checkpoint: evidence.checkpoint, bytes }
  }

  const verifier: PeerVerifier = {
    peerKeys: (node) => seen.get(node) ?? [],
    read: (bytes, subject, facts, signal) => weigh(bytes, subject, facts, signal, {}),
    async appraise(subject, facts, signal) {
      policyInForce()
      const { p2p } = JSON.parse(subject.contact)
      const memory = memories.of(subject.id)
      const held = memory && { boot: memory.boot, bytes: memory.log.bytes }
      const ask = (method: string, body: Uint8Array) => parts.lattice.request(p2p, method, body, signal)
      const { body, peerKey } = await ask('evidence', encodeEvidenceRequest(facts.epoch.number, held))
      // Only what is affirmed is built on.
      memories.drop(subject.id)
      const bytes = wholeEvidence(body, held)
      const log = memory?.log ?? createKnownLog()
      const found = await weigh(bytes, subject.id, facts, signal, { peerKey, log })
      const { verdict, checkpoint } = found
      if (verdict.outcome !== 'silence') remember(subject.id, peerKey)
      // What speaks against a node is found in what it sent whole.
      if (verdict.outcome !== 'affirm' && memory) return verifier.appraise(subject, facts, signal)
      if (verdict.outcome === 'affirm') {
        await parts.enrolment.require(subject, parseEvidence(bytes), p2p, signal)
        const prove = async (from: number, to: number) =>
          parseHashes((await ask('consistency', encodeCbor([checkpoint.log, from, to]))).body)
        await parts.checkpoints.extend(subject.id, checkpoint, found.evidence, prove)
        memories.keep(subject.id, { boot: verdict.boot, log })
      }
      return found
    },
  }
  return verifier
}

/** @returns zero where the log cannot be read */
function shownIn(evidence: Evidence, log: KnownLog): Digest {
  try {
    return shownDigest(evidence, log)
  } catch (error) {
    if (error instanceof TeapotError) return ZERO
    throw error
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
