export { createHostCaller } from './host-caller.ts'
export { defaultLimits } from './limits.ts'
export { type ClaimContext, createLogReceipts } from './log-receipts.ts'
export type {
  Answer,
  AnsweringActor,
  Call,
  Caller,
  EvidenceSource,
  Receipts,
  Result,
  SealKey,
  ServeLimits,
  ServeParts,
  Server,
} from './parts.ts'
export { createSealKey } from './sealing.ts'
export { createServer } from './server.ts'
export { gateByStanding } from './standing-gate.ts'
