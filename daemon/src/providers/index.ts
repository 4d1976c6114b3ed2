export { DEFAULT_PROVIDER_LIMITS, type ProviderLimits } from './protocol.ts'
export type { CreateProvider, Provider, ProviderCall, ProviderEnvironment } from './provider.ts'
export {
  createProviderSupervisor,
  type LoadedProvider,
  type ProviderImage,
  type ProviderSupervisor,
  type ProviderSupervisorOptions,
} from './supervisor.ts'
