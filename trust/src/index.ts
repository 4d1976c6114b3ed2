export {
  type Address,
  concatBytes,
  type Digest,
  equalBytes,
  fromHex,
  type Hex,
  type NodeId,
  toHex,
  utf8,
} from './bytes.ts'
export { type CborValue, decodeCbor, decodeCborSequence, encodeCbor } from './cbor.ts'
export { type Shape, shapeOf } from './cbor-shape.ts'
export { digestOf, sha256 } from './digest.ts'
export {
  ENTRY_BYTES,
  type Entry,
  EntryKind,
  encodeEntry,
  entryDigest,
  kindName,
  type MeasuredEntry,
  parseEntry,
} from './entry.ts'
export {
  type CheckpointSummary,
  EVIDENCE_TYPES,
  type Evidence,
  type EvidenceType,
  encodeEvidence,
  epochNonce,
  evidenceDigest,
  parseEvidence,
  qualifyingData,
  type RunKeys,
  runDigest,
} from './evidence.ts'
export { encodeGrants, parseGrants } from './grants.ts'
export type { EntryStatus, LedgerEntry, LedgerFacts, NodeRecord, NodeStatus, ReferenceValue } from './ledger-facts.ts'
export { type ErrorKind, TeapotError } from './teapot-error.ts'
export { type Assurance, type Outcome, type Reason, renderVerdict, type Tier, type Verdict } from './verdict.ts'
export { encodeVote, OUTCOME_CODE, signVote, type Vote, verifyVote, voteDigest } from './vote.ts'
