export { defaultLimits } from './limits.ts'
export type {
  Answer,
  AnsweringActor,
  Call,
  Caller,
  EvidenceSource,
  IssuedReceipt,
  Receipts,
  Result,
  ServeLimits,
  ServeParts,
  Server,
} from './parts.ts'
export { createSealKey, type SealKey } from './sealing.ts'
export { createServer } from './server.ts'
