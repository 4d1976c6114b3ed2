export type { ProviderBinding } from './bound-actors.ts'
export { DEFAULT_PROVIDER_LIMITS, type ProviderLimits } from './protocol.ts'
export type { CreateProvider, DaemonServices, Provider, ProviderCall, ProviderEnvironment } from './provider.ts'
export {
  createProviderSupervisor,
  type LoadedProvider,
  type ProviderImage,
  type ProviderInvocation,
  type ProviderSupervisor,
  type ProviderSupervisorOptions,
} from './supervisor.ts'
