export type { CapabilityBroker, CapabilityInvocation } from './capability.ts'
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
export type { Isolation } from './sandbox-code.ts'
