import {
  EntryKind,
  fromHex,
  type LedgerEntry,
  type Policy,
  parseGrants,
  parsePolicy,
  TeapotError,
} from '@teapot-network/trust'
import { MANIFEST_PREFIX, parseManifest } from '@teapot-network/trust/app'
import { parseReferenceValues, type ReferenceValuesDocument } from '@teapot-network/trust/boot'
import type { ProviderSupervisor } from '../providers/index.ts'
import { ActorLoader, type ActorLoaderParts } from './actor-loader.ts'
import { isManifest } from './is-manifest.ts'
import type { Route } from './manifests.ts'
import type { Loader } from './provisioner.ts'

/** Where verified and measured bytes go. */
export interface LoaderParts extends ActorLoaderParts {
  readonly providers: ProviderSupervisor
  onPolicy(policy: Policy): void
  onReferences(references: ReferenceValuesDocument): void
}

/** What a box runs, and where requests to apps go. */
export interface Loaders {
  /** One for each kind. */
  readonly byKind: { readonly [kind: number]: Loader }
  routes(): readonly Route[]
}

/** The loaders of a box. */
export function createLoaders(parts: LoaderParts): Loaders {
  const { providers, onPolicy, onReferences } = parts
  const actors = new ActorLoader(parts)
  return {
    routes: () => actors.routes(),
    byKind: {
      [EntryKind.policy]: {
        async load(entry, bytes, context) {
          if (entry.name === 'appraisal') onPolicy(parsePolicy(bytes))
          if (entry.name === 'reference-values') onReferences(parseReferenceValues(bytes))
          if (isManifest(entry)) actors.setManifest(entry, parseNamed(entry, bytes), context)
        },
        async unload(entry) {
          if (isManifest(entry)) actors.removeManifest(entry)
        },
      },
      [EntryKind.provider]: {
        async load({ name, version, sha256, grants }, bytes) {
          await providers.load({ name, version, digest: sha256, grants: parseGrants(fromHex(grants)), bytes })
        },
        unload: (entry) => providers.unload(entry.name),
      },
      [EntryKind.actor]: actors,
    },
  }
}

/** Another name inside than on the ledger would put its routes under an app that belongs to somebody else. */
function parseNamed(entry: LedgerEntry, bytes: Uint8Array) {
  const manifest = parseManifest(bytes)
  if (MANIFEST_PREFIX + manifest.name === entry.name) return manifest
  throw new TeapotError(
    'provision/misnamed-manifest',
    `Cannot take the manifest ${entry.name}: expected an app of that name, found ${manifest.name}; publish it as ${MANIFEST_PREFIX}${manifest.name}`,
  )
}
