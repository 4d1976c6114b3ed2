export { type ProofAnchor, type ProofBundle, type ProofConfirmation, parseBundle } from './bundle.ts'
export {
  type CheckpointHeader,
  parseCheckpoint,
  parseCheckpointHeader,
  type SignedCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts'
export { type Claims, leafInput, parseClaims, SALT_BYTES } from './claims.ts'
export { type CoseSign1, parseCoseSign1, sigStructure } from './cose.ts'
export { type EpochLeaf, parseEpochLeaf } from './epoch-leaf.ts'
export { EMPTY_ROOT, leafHash, nodeHash, rootFromInclusion, verifyConsistency, verifyInclusion } from './merkle.ts'
export { parseReceipt, type Receipt, receiptCheckpoint } from './receipt.ts'
export type { ReliedEntry, ReliedFacts, ReliedNode } from './relied-facts.ts'
export { type ProofExpectation, type ProofStanding, type ProofVerdict, verifyProof } from './verify.ts'
