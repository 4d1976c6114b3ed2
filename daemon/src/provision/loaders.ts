import type { Host } from '@teapot-network/host'
import { EntryKind, fromHex, type LedgerEntry, type Policy, parseGrants, parsePolicy } from '@teapot-network/trust'
import type { ProviderSupervisor } from '../providers/index.ts'
import { keepModule } from './keep-module.ts'
import type { Loader } from './provisioner.ts'

/** Where verified and measured bytes go. */
export interface LoaderParts {
  host: Host
  providers: ProviderSupervisor
  /** Folder for providers' modules. */
  modules: string
  onPolicy(policy: Policy): void
}

/** One loader for each kind that a box runs. */
export function createLoaders({ host, providers, modules, onPolicy }: LoaderParts): { [kind: number]: Loader } {
  return {
    [EntryKind.policy]: {
      load: async ({ name }, bytes) => {
        if (name === 'appraisal') onPolicy(parsePolicy(bytes))
      },
    },
    [EntryKind.provider]: {
      async load(entry, bytes) {
        const modulePath = await keepModule(modules, entry.sha256, bytes)
        await providers.load({ ...releaseOf(entry), modulePath })
      },
      unload: (entry) => providers.unload(entry.name),
    },
    [EntryKind.actor]: {
      load: (entry, bytes, signal) => {
        return host.load({ ...releaseOf(entry), publisher: entry.publisher, bytes }, { signal })
      },
      unload: async (entry) => host.unload(entry.name),
    },
  }
}

function releaseOf({ name, version, sha256, grants }: LedgerEntry) {
  return { name, version, digest: sha256, grants: parseGrants(fromHex(grants)) }
}
