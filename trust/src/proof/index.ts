export { type ProofBundle, parseBundle } from './bundle.ts'
export {
  type CheckpointHeader,
  parseCheckpoint,
  parseCheckpointHeader,
  type SignedCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts'
export { CLAIMS_PROFILE, type Claims, leafInput, parseClaims, SALT_BYTES } from './claims.ts'
export { type CoseSign1, parseCoseSign1, sigStructure, verifyEs256 } from './cose.ts'
export { EMPTY_ROOT, leafHash, nodeHash, rootFromInclusion, verifyConsistency, verifyInclusion } from './merkle.ts'
export { parseReceipt, type Receipt, receiptCheckpoint } from './receipt.ts'
export { OBTAINED, type ReliedEntry, type ReliedFacts, type ReliedNode } from './relied-facts.ts'
export { type ProofExpectation, type ProofVerdict, verifyProof } from './verify.ts'
