/** What boxes and clients write, and a sceptic only reads. */
export { encodeLogRecord } from './event-log.ts'
export { encodeEvidence } from './evidence.ts'
export { encodeBundle } from './proof/bundle.ts'
export { encodeCheckpoint, encodeCheckpointHeader } from './proof/checkpoint.ts'
export { CLAIM, encodeClaims } from './proof/claims.ts'
export { encodeCoseSign1 } from './proof/cose.ts'
export { encodeReceipt } from './proof/receipt.ts'
export { selectFacts } from './proof/relied-facts.ts'
