import {
  type Claims,
  type Digest,
  EntryKind,
  type Evidence,
  encodeGrants,
  entryDigest,
  fromHex,
  type Hex,
  leafInput,
  PCR_R,
  type ProofBundle,
  parseEpochLeaf,
  parseEvidence,
  parseReceipt,
  receiptCheckpoint,
  runDigest,
  type SignedCheckpoint,
  TeapotError,
  toHex,
} from '@teapot-network/trust'
import { shownLogs } from '@teapot-network/trust/vote'
import { shownQuote } from './dispute.ts'

/** No actor: such a run is registered for what its log proves against the node. */
const NO_ACTOR: Digest = toHex(new Uint8Array(32))

/**
 * The call that makes a run known on the ledger, by evidence of it: once for each actor, before the first proof (spec/ledger.md §10.2).
 * @param claims of a result to be proven; without, the run is known for {@link equivocationCall}
 * @throws TeapotError `event-log/malformed`, `tpm/malformed`: such evidence proves nothing
 */
export function registerRunCall(evidence: Evidence, claims?: Pick<Claims, 'actor' | 'capabilities'>) {
  const { attest, r, s, pcrValues } = shownQuote(evidence)
  const cLog = shownLogs(evidence).c.map(toHex)
  const candidates = claims ? entriesOf(claims) : [NO_ACTOR]
  const actor = candidates.find((entry) => cLog.includes(entry)) ?? candidates[0]!
  const { nonce, operator, chain, keys, checkpoint } = evidence
  const opening = {
    ...{ nonce, operator, blockNumber: BigInt(chain.block.number), blockHash: chain.block.hash },
    ...{ seal: keys.seal, peer: keys.peer, root: checkpoint.root },
    ...quotedBy(evidence),
  }
  return {
    contract: 'proofVerifier' as const,
    functionName: 'registerRun' as const,
    args: [evidence.node, opening, { attest, r, s, pcrValues, cLog }, actor] as const,
  }
}

/**
 * A bundle as `ProofVerifier.verify` takes it, and whatever contract asks that.
 * @throws TeapotError `ledger/proof-not-anchored` unless the receipt is of the very tree that an epoch put on the ledger, and affirmed;
 *   and those of the bundle's parts
 */
export function proofArgs(bundle: Pick<ProofBundle, 'claims' | 'salt' | 'receipt' | 'evidence' | 'anchor'>) {
  const { anchor, salt } = bundle
  const leaf = anchor && parseEpochLeaf(anchor.leaf)
  const receipt = parseReceipt(bundle.receipt)
  const checkpoint = receiptCheckpoint(receipt, leafInput(salt, bundle.claims))
  if (leaf?.outcome !== 'affirm' || leaf.checkpoint?.root !== checkpoint.root) {
    const found = leaf ? `${leaf.outcome} with ${leaf.checkpoint?.size ?? 'no'} leaves` : 'no anchor'
    const message = `Expected an anchor with the ${checkpoint.size} leaves of the receipt, affirmed; found ${found}. Run \`teapot proof upgrade\` once a later epoch is closed.`
    throw new TeapotError('ledger/proof-not-anchored', message)
  }
  return {
    claims: toHex(bundle.claims),
    salt: toHex(salt),
    run: runOf(parseEvidence(bundle.evidence)),
    checkpoint: signedWords(checkpoint),
    index: BigInt(receipt.index),
    path: receipt.path.map(toHex),
    anchor: {
      ...{ epoch: leaf.epoch, run: leaf.run, evidence: leaf.evidence, sequence: BigInt(leaf.checkpoint.sequence) },
      ...{ index: BigInt(anchor!.index), size: BigInt(anchor!.size), path: anchor!.path.map(toHex) },
    },
  }
}

/**
 * The call that convicts a node which signed two versions of one log (spec/ledger.md §10.6), once {@link registerRunCall} has made the runs
 * of both known. Whether it did is for the contract to say.
 * @param evidenceA of the run that signed `checkpointA`; `evidenceB` may be the same
 */
export function equivocationCall(
  evidenceA: Evidence,
  checkpointA: SignedCheckpoint,
  evidenceB: Evidence,
  checkpointB: SignedCheckpoint,
) {
  const signed = (evidence: Evidence, checkpoint: SignedCheckpoint) => {
    const key = runOf(evidence)
    return { run: runDigest(evidence.keys), actor: NO_ACTOR, key, checkpoint: signedWords(checkpoint) }
  }
  return {
    contract: 'proofVerifier' as const,
    functionName: 'equivocation' as const,
    args: [evidenceA.node, signed(evidenceA, checkpointA), signed(evidenceB, checkpointB)] as const,
  }
}

function runOf(evidence: Evidence) {
  return { ...quotedBy(evidence), pcrR: evidence.pcrs[PCR_R]! }
}

/** The receipt key and the checkpoint that was quoted. */
function quotedBy({ keys, checkpoint }: Evidence) {
  const { log, sequence, size } = checkpoint
  const [x, y]: Hex[] = [`0x${keys.receipt.slice(4, 68)}`, `0x${keys.receipt.slice(68)}`]
  return { x: x!, y: y!, log: BigInt(log), sequence: BigInt(sequence), size: BigInt(size) }
}

function signedWords({ sequence, size, root, previousRoot, signature }: SignedCheckpoint) {
  const [r, s]: Hex[] = [toHex(signature.subarray(0, 32)), toHex(signature.subarray(32))]
  return { sequence: BigInt(sequence), size: BigInt(size), root, previousRoot, r: r!, s: s! }
}

/** No capabilities stand for empty grants as well as for those of the empty array (spec/proof.md §2.4). */
function entriesOf({ actor: { name, sha256 }, capabilities }: Pick<Claims, 'actor' | 'capabilities'>): Digest[] {
  const grants = [encodeGrants(capabilities), ...(capabilities.length === 0 ? [fromHex('0x')] : [])]
  return grants.map((bytes) => entryDigest({ kind: EntryKind.actor, name, sha256, grants: bytes }))
}
