import { EntryKind, type LedgerEntry } from '@teapot-network/trust'
import { MANIFEST_PREFIX } from '@teapot-network/trust/app'

/** Whether an entry is the manifest of an app, which is its publisher's and not the network's. */
export function isManifest({ kind, name }: LedgerEntry): boolean {
  return kind === EntryKind.policy && name.startsWith(MANIFEST_PREFIX)
}
