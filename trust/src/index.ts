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
export { ekDigest, ekPublicKey } from './ek.ts'
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
  EVIDENCE_TYPES,
  type Evidence,
  type EvidenceType,
  epochNonce,
  evidenceDigest,
  type PlatformLogs,
  parseEvidence,
  qualifyingData,
  type RunKeys,
  runDigest,
  TEE_KINDS,
  type TeeEvidence,
  type TeeKind,
  teeReportData,
} from './evidence.ts'
export { encodeGrants, parseGrants } from './grants.ts'
export type { EntryStatus, LedgerEntry, LedgerFacts, NodeRecord, NodeStatus, ReferenceValue } from './ledger-facts.ts'
export { encodePolicy, type Policy, parsePolicy, policyDigest } from './policy.ts'
export * from './proof/index.ts'
export { type ErrorKind, TeapotError } from './teapot-error.ts'
export { type Attest, type Attested, bootOf, type PcrBank, parseAttest } from './tpm/attest.ts'
export { akProblem, akPublic, nodeIdOf, parseTpmPublic, type TpmPublic, tpmName } from './tpm/public.ts'
export { parseTpmSignature, type TpmSignature, verifyTpmSignature } from './tpm/signature.ts'
export {
  type Assurance,
  bootText,
  type Outcome,
  type Reason,
  renderVerdict,
  type Tier,
  type Verdict,
} from './verdict.ts'
export { type Certificate, type PublicJwk, parseCertificate } from './x509.ts'
