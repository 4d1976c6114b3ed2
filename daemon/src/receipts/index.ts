export { ClaimsTemplate, type ResultClaims, type SharedClaims } from './claims-template.ts'
export type { LogHead } from './log-store.ts'
export { type LogNumbers, type NumberedLog, openNumberedLog } from './numbered-log.ts'
export { type Issued, openReceiptLog, type ReceiptLog, type ReceiptLogOptions, type Recorded } from './receipt-log.ts'
