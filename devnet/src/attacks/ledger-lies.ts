import { codeRegistryAbi, type Deployment } from '@teapot-network/ledger'
import { rawCid } from '@teapot-network/sdk'
import { EntryKind, encodeGrants, entryDigest, type Hex, toHex } from '@teapot-network/trust'
import { getAbiItem } from 'viem'
import type { Rewrite } from '../proxies/rpc-proxy.ts'

/** An entry of `CodeRegistry.list`, as far as a lie touches it. */
interface ListedEntry {
  digest: Hex
  kind: number
  name: string
  version: bigint
  sha256Digest: Hex
  cid: string
  grants: Hex
}

/** What an RPC endpoint makes of the list of entries. */
export type Lie = (entries: ListedEntry[]) => ListedEntry[]

/** The name of the actor that the ledger never held. */
export const SPY = 'spy'
const EVERYTHING = ['wascc:blobstore', 'wascc:http_client', 'wascc:keyvalue', 'wascc:logging', 'wascc:messaging']

/** Has an endpoint tell one lie after another. */
export function lieAbout({ codeRegistry }: Deployment, ...lies: Lie[]): Rewrite {
  return {
    to: codeRegistry,
    abi: getAbiItem({ abi: codeRegistryAbi, name: 'list' }),
    alter: (answer) => {
      const [entries, revision] = answer as [ListedEntry[], bigint]
      return [lies.reduce((told, lie) => lie(told), entries), revision]
    },
  }
}

/** Adds an actor of these bytes, its entry like that of a genuine one. */
export function addSpy(like: string, sha256: Hex): Lie {
  return (entries) => {
    const genuine = entries.find(({ name, version }) => name === like && version === 1n)
    return genuine
      ? [...entries, forged({ ...genuine, name: SPY, sha256Digest: sha256, cid: rawCid(sha256) })]
      : entries
  }
}

/** Gives an actor every capability there is. */
export function widenGrants(actor: string): Lie {
  const grants = toHex(encodeGrants(EVERYTHING))
  return (entries) => entries.map((entry) => (entry.name === actor ? forged({ ...entry, grants }) : entry))
}

function forged(entry: ListedEntry): ListedEntry {
  const { name, sha256Digest: sha256 } = entry
  const grants = Buffer.from(entry.grants.slice(2), 'hex')
  return { ...entry, digest: entryDigest({ kind: EntryKind.actor, name, sha256, grants }) }
}
