import {
  type Digest,
  decodeCbor,
  digestOf,
  type EpochLeaf,
  type EpochRecord,
  encodeCbor,
  type LedgerFacts,
  leafHash,
  type NodeId,
  parseEpochLeaf,
  sha256,
  shapeOf,
  TeapotError,
  toHex,
} from '@teapot-network/trust'
import { inclusionPath, treeRoot } from '@teapot-network/trust/encode'
import { type Fetch, getBytes } from './http.ts'
import { httpContact } from './nodes.ts'
import { rawCid } from './raw-cid.ts'

/** Fetches a block by its digest from whoever has it. @throws TeapotError `sdk/block-missing` */
export type BlockReader = (digest: Digest) => Promise<Uint8Array>

/** What an epoch found of one node, and its place under the root that the ledger holds. */
export interface PlacedLeaf {
  leaf: EpochLeaf
  bytes: Uint8Array
  index: number
  /** Leaves in the epoch's tree. */
  size: number
  path: Uint8Array[]
}

const LIMIT_BYTES = 4 * 1024 * 1024
const shape = shapeOf('sdk/epoch-altered', 'leaves of an epoch')

/** Asks the network's nodes one after the other, those in service first: whoever answers is not believed, but hashed. */
export function createBlockReader(
  facts: LedgerFacts,
  { fetch, timeoutMs, signal }: { fetch: Fetch; timeoutMs: number; signal?: AbortSignal | undefined },
): BlockReader {
  const nodes = facts.nodes.toSorted((a, b) => Number(b.status === 'active') - Number(a.status === 'active'))
  const urls = nodes.flatMap(({ contact }) => httpContact(contact) ?? [])
  const read: BlockReader = async (digest) => {
    let why = 'no node with an HTTP contact'
    for (const url of urls) {
      try {
        const from = `${url}/ipfs/${rawCid(digest)}?format=raw`
        const bytes = await getBytes(from, { fetch, timeoutMs, limitBytes: LIMIT_BYTES, signal })
        if (digestOf(bytes) === digest) return bytes
        why = `other bytes at ${url}`
      } catch (error) {
        if (!(error instanceof TeapotError)) throw error
        why = error.message
      }
    }
    const message = `Cannot find the block ${rawCid(digest)}: asked ${urls.length} nodes, found ${why}; try again later`
    throw new TeapotError('sdk/block-missing', message, { kind: 'unavailable' })
  }
  const known = new Map<Digest, Promise<Uint8Array>>()
  return (digest) => {
    const reading = known.get(digest) ?? read(digest)
    known.set(digest, reading)
    return reading
  }
}

/**
 * What a closed epoch found of a node; undefined where it says nothing of it.
 * @throws TeapotError `sdk/epoch-altered` when the document named beside the root does not lead to the root
 */
export async function readLeaf(
  { number, root, leaves: document }: EpochRecord,
  node: NodeId,
  read: BlockReader,
): Promise<PlacedLeaf | undefined> {
  const leaves = shape.array(decodeCbor(await read(document)), 'document').map(encodeCbor)
  const hashes = leaves.map((leaf) => leafHash(sha256(leaf)))
  const found = toHex(treeRoot(hashes))
  if (found !== root) shape.refuse('root', `${root}, which epoch ${number} has on the ledger`, found)
  const parsed = leaves.map(parseEpochLeaf)
  const index = parsed.findIndex((leaf) => leaf.node === node && leaf.epoch === number)
  if (index < 0) return undefined
  const path = inclusionPath(hashes, index)
  return { leaf: parsed[index]!, bytes: leaves[index]!, index, size: leaves.length, path }
}
