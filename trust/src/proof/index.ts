export { encodeBundle, type ProofBundle, parseBundle } from './bundle.ts'
export {
  type CheckpointHeader,
  encodeCheckpoint,
  encodeCheckpointHeader,
  parseCheckpoint,
  parseCheckpointHeader,
  type SignedCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts'
export { CLAIM, CLAIMS_PROFILE, type Claims, encodeClaims, leafInput, parseClaims, SALT_BYTES } from './claims.ts'
export { type CoseSign1, encodeCoseSign1, parseCoseSign1, sigStructure, verifyEs256 } from './cose.ts'
export { EMPTY_ROOT, leafHash, nodeHash, rootFromInclusion, verifyConsistency, verifyInclusion } from './merkle.ts'
export { encodeReceipt, parseReceipt, type Receipt, receiptCheckpoint } from './receipt.ts'
export { OBTAINED, type ReliedEntry, type ReliedFacts, type ReliedNode, selectFacts } from './relied-facts.ts'
export { type ProofExpectation, type ProofVerdict, verifyProof } from './verify.ts'
