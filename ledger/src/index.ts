export { assigned, contributors, permutation, reviewed, votesNeeded } from './assignment.ts'
export { seedCommitment } from './commitment.ts'
export * from './contracts.gen.ts'
export { type DeployOptions, deployContracts } from './deploy.ts'
export { abis, type ContractName, type Deployment, parseDeployment } from './deployment.ts'
export { disputeOf } from './dispute.ts'
export type { LedgerOptions } from './endpoints.ts'
export type { Beacon, Round, Standing } from './facts.ts'
export { createFollower, type EventBlock, type Follower, type FollowerOptions, type LedgerEvent } from './follower.ts'
export {
  type BlockRef,
  createLedger,
  type Ledger,
  type ReadOptions,
} from './ledger.ts'
export { equivocationCall, proofArgs, registerRunCall } from './proof-calls.ts'
export { encodeRegistration, type Registration, type RegistrationKeys, registerCall } from './registration.ts'
export { LedgerRevert } from './revert.ts'
export { type Change, changeOf, entitled, nextStatus, type SignedVote, statementOf } from './round.ts'
export {
  createTransactionQueue,
  type LedgerCall,
  type QueueOptions,
  type Receipt,
  type TransactionQueue,
  type WriteName,
} from './transaction-queue.ts'
