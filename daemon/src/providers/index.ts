export type { ProviderBinding } from './bound-actors.ts'
export { DEFAULT_PROVIDER_LIMITS, type ProviderLimits } from './protocol.ts'
export type { CreateProvider, DaemonServices, Provider, ProviderCall, ProviderEnvironment } from './provider.ts'
export type { ProviderImage } from './provider-image.ts'
export {
  createProviderSupervisor,
  type LoadedProvider,
  type ProviderInvocation,
  type ProviderSupervisor,
  type ProviderSupervisorOptions,
} from './supervisor.ts'
