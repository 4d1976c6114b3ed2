export type { CapabilityBroker, CapabilityInvocation } from './capability.ts'
export { type EmbeddedClaims, readClaims } from './claims/embedded.ts'
export type { Binding } from './claims/rights.ts'
export {
  type ConfinedProgram,
  type Confinement,
  type ConfinementOptions,
  createConfinement,
} from './confinement/confinement.ts'
export { ISOLATIONS, type Isolation } from './confinement/isolation.ts'
export type { Hook, HookedCall } from './hooks.ts'
export {
  type ActorImage,
  type CallRequest,
  type CallResult,
  createHost,
  type Host,
  type HostOptions,
  type LoadedActor,
} from './host.ts'
export { type ActorRelease, HostError, type HostErrorKind } from './host-error.ts'
export { type ActorLimits, DEFAULT_LIMITS, type HostLimits } from './limits.ts'
