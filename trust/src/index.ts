export type { PlatformAppraisal, PlatformAppraiser, TeeAppraisal, TeeAppraiser } from './appraise/beneath.ts'
export { type AppraisalExpectation, type AppraisalOptions, appraise } from './appraise.ts'
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
export { type CborValue, decodeCbor, encodeCbor } from './cbor.ts'
export { type Shape, shapeOf } from './cbor-shape.ts'
export { digestOf, sha256 } from './digest.ts'
export { ekDigest } from './ek.ts'
export {
  type Entry,
  EntryKind,
  encodeEntry,
  entryDigest,
  kindName,
  type MeasuredEntry,
  parseEntry,
} from './entry.ts'
export { verifyEs256 } from './es256.ts'
export {
  createKnownLog,
  extendPcr,
  type KnownLog,
  type LogRecord,
  PCR_C,
  PCR_R,
  parseEventLog,
  quotedPrefix,
  type ReplayedPcrs,
  readEventLog,
  replayEventLog,
} from './event-log.ts'
export {
  type CheckpointSummary,
  type Evidence,
  type EvidenceType,
  epochNonce,
  evidenceDigest,
  type PlatformLogs,
  parseEvidence,
  qualifyingData,
  type RunKeys,
  runDigest,
  type TeeEvidence,
  type TeeKind,
  teeReportData,
} from './evidence.ts'
export { encodeGrants, parseGrants } from './grants.ts'
export type {
  EntryStatus,
  EpochRecord,
  LedgerEntry,
  LedgerFacts,
  NodeRecord,
  NodeStatus,
  ReferenceValue,
} from './ledger-facts.ts'
export { encodePolicy, type Policy, parsePolicy, policyDigest } from './policy.ts'
export * from './proof/index.ts'
export { type ErrorKind, TeapotError } from './teapot-error.ts'
export { type Attest, bootOf, type PcrBank, parseAttest } from './tpm/attest.ts'
export { akPoint, akPublic, nodeIdOf, tpmName } from './tpm/public.ts'
export { parseAkSignature } from './tpm/signature.ts'
export type { Assurance, Outcome, Reason, Tier, Verdict } from './verdict.ts'
export { type Certificate, parseCertificate } from './x509.ts'
