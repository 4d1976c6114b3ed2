import type { Connection, Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { FetchCounters } from './block-source.ts'
import type { BlockStore, BlockStoreUsage } from './block-store.ts'
import { parseCid } from './cid.ts'
import { type DirectoryEntry, notFound, readWhole, resolveEntry, writeDirectory, writeFile } from './dag.ts'
import type { ContentEventListener } from './events.ts'
import { DagFetcher, type FetchOptions } from './fetch-dag.ts'
import { createGateway, type GatewayHandler } from './gateway.ts'
import { createHttpPeers } from './http-peer.ts'
import { createSwarm, type NodeServices, type SwarmOptions } from './swarm.ts'
import { type Traffic, TrafficCounter } from './traffic.ts'

/** How a content node starts. */
export interface ContentNodeOptions extends SwarmOptions {
  /** Stays the caller's: disposed by it, after the node. */
  store: BlockStore
  /** Longest wait for one block from one gateway; 3 s unless told. */
  peerTimeoutMs?: number
  onEvent?: ContentEventListener
}

/** What was added: pinned unless told otherwise, since there may be no other copy. */
export interface AddOptions {
  pin?: boolean
  /** One raw block up to 2 MiB, as what is published on the ledger; more is refused. */
  singleBlock?: boolean
}

/** Counters since start. */
export interface ContentStats {
  store: BlockStoreUsage
  served: Traffic
  fetched: FetchCounters
}

/** Bytes by CID: kept, fetched from peers, served to peers. CIDs are strings here. */
export interface ContentNode extends AsyncDisposable {
  /** For the owner's own protocols. */
  readonly libp2p: Libp2p<NodeServices>
  /** Our libp2p peer id. */
  readonly peerId: string
  /** Multiaddrs with our peer id, to be told to others. */
  addresses(): string[]
  /** Stores bytes: up to 1 MiB as one raw block, whose CID is their SHA-256; larger as UnixFS (spec/content.md §1). */
  add(bytes: Uint8Array, options?: AddOptions): Promise<string>
  /** Stores a directory, e.g. a static page. @throws TeapotError `content/bad-path` */
  addDirectory(entries: DirectoryEntry[], options?: AddOptions): Promise<string>
  /** Whether the block of this CID is here (not all below it). @throws TeapotError `content/bad-cid` */
  has(cid: string): boolean
  /** One block as it is, from the store alone. @throws TeapotError `content/not-found` */
  get(cid: string, options?: { signal?: AbortSignal }): Promise<Uint8Array>
  /** A file, or one at a path inside a directory, from the store alone. @throws TeapotError `content/not-found`, `content/too-large` */
  cat(cid: string, path?: string, options?: { maxBytes?: number; signal?: AbortSignal }): Promise<Uint8Array>
  /**
   * Brings all of a CID here, every block verified, and returns a file's bytes (none for a directory).
   * @throws TeapotError `content/unreachable`, `content/too-large`, `content/malformed`, `content/quota-exceeded`, `content/disk-full`
   */
  fetch(cid: string, options?: FetchOptions): Promise<Uint8Array>
  /** Lets go of what was pinned. */
  unpin(cid: string): Promise<void>
  /** Connects to a peer's multiaddr. @throws TeapotError `content/peer-unreachable` */
  connect(address: string, options?: { signal?: AbortSignal }): Promise<Connection>
  /** Closes connections of peers that `denyPeer` denies by now. */
  dropDenied(): Promise<void>
  /** For a `node:http` server: everything under `/ipfs/`. */
  readonly gateway: GatewayHandler
  stats(): ContentStats
}

/** Starts a content node. @throws TeapotError `content/bad-peer-key` */
export async function createContentNode(options: ContentNodeOptions): Promise<ContentNode> {
  const { store, peerTimeoutMs = 3_000, onEvent = () => undefined } = options
  const swarm = await createSwarm(store, options)
  const peerId = swarm.libp2p.peerId.toString()
  const http = createHttpPeers(peerId)
  const traffic = new TrafficCounter()
  const counters: FetchCounters = { httpBytes: 0, swarmBytes: 0, lies: 0 }
  const fetcher = new DagFetcher(store, { http, peerTimeoutMs, askSwarm: swarm.askForBlock, onEvent, counters })
  const adding = async (pin: boolean, write: (storage: Pick<BlockStore, 'put'>) => Promise<CID>) => {
    using hold = store.hold()
    const cid = await write({
      put: (cid, bytes) => {
        hold.add(cid)
        return store.put(cid, bytes)
      },
    })
    if (pin) await store.pin(cid, hold.cids)
    return cid.toString()
  }
  return {
    libp2p: swarm.libp2p,
    peerId,
    addresses: () => swarm.libp2p.getMultiaddrs().map(String),
    add: (bytes, { pin = true, singleBlock } = {}) => adding(pin, (storage) => writeFile(bytes, storage, singleBlock)),
    addDirectory: (entries, { pin = true } = {}) => adding(pin, (storage) => writeDirectory(entries, storage)),
    has: (cid) => store.has(parseCid(cid)),
    async get(text, { signal } = {}) {
      const cid = parseCid(text)
      const bytes = await store.read(cid, signal === undefined ? {} : { signal })
      if (bytes === undefined) throw notFound(cid)
      return bytes
    },
    async cat(text, path = '', { maxBytes = Number.MAX_SAFE_INTEGER, signal } = {}) {
      const cid = parseCid(text)
      const names = path.split('/').filter(Boolean)
      const entry = await resolveEntry(store, cid, names, signal)
      if (entry.kind === 'directory') throw notFound(cid, [...names, '(a file)'])
      return readWhole(entry, maxBytes, signal)
    },
    fetch: async (cid, options = {}) => fetcher.fetch(parseCid(cid), options),
    unpin: async (cid) => store.unpin(parseCid(cid)),
    connect: swarm.connect,
    dropDenied: swarm.dropDenied,
    gateway: createGateway(store, (cid, peer, bytes) => traffic.count(cid, peer, bytes)),
    stats: () => ({ store: store.usage(), served: traffic.read(), fetched: { ...counters } }),
    async [Symbol.asyncDispose]() {
      await fetcher.stop()
      http[Symbol.dispose]()
      await swarm[Symbol.asyncDispose]()
    },
  }
}
