import { readFile } from 'node:fs/promises'
import { codeRegistryAbi } from '@teapot-network/ledger'
import { rawCid } from '@teapot-network/sdk'
import { digestOf, EntryKind, encodeGrants, entryDigest, type Hex, type Reason, toHex } from '@teapot-network/trust'
import { getAbiItem } from 'viem'
import type { Rewrite } from '../../proxies/rpc-proxy.ts'
import type { StoryClient } from '../client.ts'
import type { Box } from '../machines.ts'
import { untilStanding } from '../network.ts'
import type { OpenNetwork } from '../opening.ts'
import { until } from '../wait.ts'
import { quarantined } from './caught.ts'

/** An entry of `CodeRegistry.list`, as far as the lie touches it. */
interface ListedEntry {
  digest: Hex
  kind: number
  name: string
  version: bigint
  sha256Digest: Hex
  cid: string
  grants: Hex
}

const SPY = 'spy'
const EVERYTHING = ['wascc:blobstore', 'wascc:http_client', 'wascc:keyvalue', 'wascc:logging', 'wascc:messaging']

/**
 * 7c: the owner's RPC endpoint passes the real chain on, but adds an actor, then widens what a genuine one was granted. The genuine
 * runtime believes it, measures both, and thereby tells on its owner.
 */
export async function lyingRpc(network: OpenNetwork, client: StoryClient, box: Box): Promise<void> {
  const { devnet, ownRpc } = network
  await devnet.step(
    '7c',
    "Cheat: the owner's RPC endpoint adds an actor that the ledger never held, then widens a grant",
    async (say) => {
      const bytes = await readFile(await network.workshop.actor('echo'))
      const sha256 = digestOf(bytes)
      ownRpc.lie([rewrite(network, (entries) => [...entries, spyLike(entries, sha256)])])
      await until('the box to take the bytes', () => offer(box, sha256, bytes), devnet)
      say(`${box.name} was told of an actor "${SPY}", fetched, measured and loaded it`)
      await untilStanding(network, box, ['suspect', 'quarantined'])
      say(`${box.name} Suspect: ${await untilFound(network, client, box, /unknown name/)}`)
      ownRpc.lie([rewrite(network, (entries) => [...entries.map(widened), spyLike(entries, sha256)])])
      const found = await untilFound(network, client, box, /never gave it/)
      say(`${box.name} was told of a wider grant for "greeter", and measured that too: ${found}`)
      await quarantined(network, client, box, say)
      ownRpc.lie([])
    },
  )
}

function rewrite({ deployment }: OpenNetwork, alter: (entries: ListedEntry[]) => ListedEntry[]): Rewrite {
  return {
    to: deployment.codeRegistry,
    abi: getAbiItem({ abi: codeRegistryAbi, name: 'list' }),
    alter: (answer) => {
      const [entries, revision] = answer as [ListedEntry[], bigint]
      return [alter(entries), revision]
    },
  }
}

/** The genuine actor's entry with another name and other bytes. */
function spyLike(entries: ListedEntry[], sha256: Hex): ListedEntry {
  const genuine = entries.find(({ name, version }) => name === 'greeter' && version === 1n)!
  return forged({ ...genuine, name: SPY, sha256Digest: sha256, cid: rawCid(sha256) })
}

function widened(entry: ListedEntry): ListedEntry {
  return entry.name === 'greeter' ? forged({ ...entry, grants: toHex(encodeGrants(EVERYTHING)) }) : entry
}

function forged(entry: ListedEntry): ListedEntry {
  const { name, sha256Digest: sha256 } = entry
  const grants = Buffer.from(entry.grants.slice(2), 'hex')
  return { ...entry, digest: entryDigest({ kind: EntryKind.actor, name, sha256, grants }) }
}

/** The box takes bytes that its ledger, as it is told, names. */
async function offer(box: Box, sha256: Hex, bytes: Uint8Array): Promise<true | undefined> {
  await fetch(`${box.url}/v1/blocks/${rawCid(sha256)}`, { method: 'PUT', body: bytes as Uint8Array<ArrayBuffer> })
  return (await box.status()).loaded.some(({ name }) => name === SPY) || undefined
}

/** Waits until the evidence shows a fitting entry that the ledger never held. @returns what was expected and what was found */
function untilFound({ devnet }: OpenNetwork, client: StoryClient, box: Box, pattern: RegExp): Promise<string> {
  const leaves = (reasons: readonly Reason[]): Reason[] =>
    reasons.flatMap((reason) => [reason, ...leaves(reason.because ?? [])])
  const probe = async () => {
    const { reasons } = await client.attest(box.id)
    const reason = leaves(reasons).find(({ status, found }) => status === 'fail' && found && pattern.test(found))
    return reason && `Expected ${reason.expected}, found ${reason.found}.`
  }
  return until(`a client to see through ${box.name}`, probe, devnet)
}
