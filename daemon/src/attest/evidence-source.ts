import {
  type Address,
  type CheckpointSummary,
  type Digest,
  type Evidence,
  type EvidenceType,
  epochNonce,
  evidenceDigest,
  type Hex,
  type LedgerFacts,
  type NodeId,
  type PlatformLogs,
  qualifyingData,
  type RunKeys,
  TeapotError,
  type TeeEvidence,
  teeReportData,
} from '@teapot-network/trust'
import { encodeEvidence } from '@teapot-network/trust/encode'
import { answerEvidence } from './log-suffix.ts'

/** What a quote is made of; the TPM side of `daemon/src/tpm`. */
export interface Quoter {
  quote(
    qualifyingData: Digest,
    pcrs?: readonly number[],
  ): Promise<{ attest: Uint8Array; signature: Uint8Array; pcrs: Record<number, Digest> }>
}

/** The fixed parts of this run's evidence. */
export interface EvidenceParts {
  quoter: Quoter
  type: EvidenceType
  node: NodeId
  operator: Address
  ak: Uint8Array
  ek: Uint8Array[]
  keys: RunKeys
  /** The whole event log as it stands. */
  readLog(): Promise<Uint8Array>
  /** The receipt log's head, remembered before it is quoted. */
  checkpoint(): Promise<CheckpointSummary>
  /** What the policy in force wants quoted; R and C without. */
  pcrs?(): readonly number[] | undefined
  /** The logs of firmware and kernel, where the machine has them. */
  platform?(): Promise<PlatformLogs | undefined>
  /** The enclave's report with this report data, where the machine is in one. */
  tee?(reportData: Uint8Array): Promise<TeeEvidence | undefined>
}

/** One piece of evidence and how it is cited. */
export interface SignedEvidence {
  evidence: Evidence
  bytes: Uint8Array
  digest: Digest
}

/** This run's evidence: one quote an epoch serves everyone, and a further one whenever something new was measured. */
export interface EvidenceSource {
  /** The newest, undefined before the first quote. */
  current(): SignedEvidence | undefined
  get(digest: Digest): Uint8Array | undefined
  /** The first of an epoch: what Verifiers vote on, so that their votes can be added up. @throws TeapotError `attest/no-evidence` */
  ofEpoch(epoch: number): SignedEvidence
  /** Answers a Verifier: {@link answerEvidence}. @throws TeapotError `attest/no-evidence`, `attest/bad-request` */
  answer(request: Uint8Array): Uint8Array
  /** Quotes anew under the epoch of these facts. */
  renew(facts: LedgerFacts): Promise<SignedEvidence>
}

/** How many are kept for those who hold a receipt that cites them. */
const KEPT = 256

export function createEvidenceSource(parts: EvidenceParts): EvidenceSource {
  const kept = new Map<Digest, SignedEvidence>()
  let newest: SignedEvidence | undefined
  let first: SignedEvidence | undefined
  let turn: Promise<unknown> = Promise.resolve()

  async function quote(facts: LedgerFacts): Promise<SignedEvidence> {
    const statement = {
      nonce: epochNonce(facts.epoch.seed, facts.epoch.number, parts.node),
      chain: {
        id: facts.chainId,
        registry: facts.registry,
        block: { number: facts.block.number, hash: facts.block.hash },
      },
      operator: parts.operator,
      keys: parts.keys,
      checkpoint: await parts.checkpoint(),
    }
    const qualifying = qualifyingData(statement)
    const tee = await parts.tee?.(await teeReportData(parts, qualifying))
    const { attest, signature, pcrs } = await parts.quoter.quote(qualifying, parts.pcrs?.())
    // After the quote: what is newer is passed over, what is older would not replay to it. Whoever wants no firmware quoted needs no logs.
    const platform = 0 in pcrs ? await parts.platform?.() : undefined
    const evidence: Evidence = {
      v: 1,
      type: parts.type,
      node: parts.node,
      epoch: facts.epoch.number,
      ...statement,
      quote: { attest, signature },
      ak: parts.ak,
      pcrs,
      log: await parts.readLog(),
      ek: parts.ek,
      ...(platform && { platform }),
      ...(tee && { tee }),
    }
    const bytes = encodeEvidence(evidence)
    const made = { evidence, bytes, digest: evidenceDigest(bytes) }
    kept.set(made.digest, made)
    for (const digest of kept.keys()) {
      if (kept.size <= KEPT) break
      kept.delete(digest)
    }
    if (first?.evidence.nonce !== evidence.nonce) first = made
    newest = made
    return made
  }

  const source: EvidenceSource = {
    current: () => newest,
    get: (digest) => kept.get(digest as Hex)?.bytes,
    answer: (request) => answerEvidence(request, source.ofEpoch),
    ofEpoch(epoch) {
      if (first?.evidence.epoch === epoch) return first
      const have = first ? `epoch ${first.evidence.epoch}` : 'none yet'
      throw new TeapotError('attest/no-evidence', `Cannot show evidence of epoch ${epoch}: the newest is of ${have}`, {
        kind: 'unavailable',
      })
    },
    renew(facts) {
      const next = turn.then(() => quote(facts))
      turn = next.catch(() => {})
      return next
    },
  }
  return source
}
