import { NotFoundError } from '@libp2p/interface'
import { concatBytes, TeapotError } from '@teapot-network/trust'
import { BaseBlockstore } from 'blockstore-core'
import type { Blockstore, Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import { BlockFiles } from './block-files.ts'
import { BlockIndex } from './block-index.ts'
import { blockKey, checkCid, cidOfKey, MAX_BLOCK_BYTES, matchesCid } from './cid.ts'
import type { ContentEventListener } from './events.ts'

/** How often at most the use of a block is noted on disk. */
const TOUCH_MS = 60_000

/** Where blocks live and how much room they may take. */
export interface BlockStoreOptions {
  /** Folder of the store's own; made when absent. */
  dir: string
  /** Most bytes of blocks kept. */
  quotaBytes: number
  onEvent?: ContentEventListener
}

/** Room taken, in bytes, and number of blocks. */
export interface BlockStoreUsage {
  usedBytes: number
  quotaBytes: number
  /** Bytes that may not be evicted: pinned, or held by work under way. */
  neededBytes: number
  blocks: number
  /** Root CIDs pinned. */
  pins: string[]
}

/** Keeps blocks from eviction while some work needs them; ends with `using`. */
export interface Hold extends Disposable {
  readonly cids: Iterable<CID>
  add(cid: CID): void
}

/**
 * Blocks on files, re-hashed on every read: what does not hash to its CID is never served (spec/content.md §2, §3).
 * Also an interface-blockstore for Helia; there `get` throws `NotFoundError` for absent blocks.
 */
export interface BlockStore extends Blockstore, AsyncDisposable {
  has(cid: CID): boolean
  /** The block's bytes, or `undefined` when absent (a corrupt one is removed, reported, and absent). */
  read(cid: CID, options?: { signal?: AbortSignal }): Promise<Uint8Array | undefined>
  /**
   * Stores a block whole or not at all, evicting the least recently used ones for room.
   * @throws TeapotError `content/hash-mismatch`, `content/too-large`, `content/quota-exceeded`, `content/disk-full`
   */
  put(cid: CID, bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<CID>
  /** @throws TeapotError `content/pinned` */
  delete(cid: CID): Promise<void>
  /** Keeps these blocks, across restarts and power cuts, until `unpin(root)`; a second pin of a root replaces the first. */
  pin(root: CID, blocks: Iterable<CID>): Promise<void>
  /** Lets the blocks of a root be evicted again, unless another pin has them too. */
  unpin(root: CID): Promise<void>
  hold(): Hold
  usage(): BlockStoreUsage
}

/**
 * Opens a block store and rebuilds its index from the files.
 * @throws TeapotError `content/store-failed` when the folder cannot be used
 */
export async function createBlockStore(options: BlockStoreOptions): Promise<BlockStore> {
  const files = await BlockFiles.open(options.dir)
  const store = new FileBlockStore(files, new BlockIndex(options.quotaBytes), options.onEvent ?? (() => undefined))
  await store.load()
  return store
}

class FileBlockStore extends BaseBlockstore implements BlockStore {
  readonly #files: BlockFiles
  readonly #index: BlockIndex
  readonly #onEvent: ContentEventListener
  readonly #pins = new Map<string, Set<string>>()
  readonly #busy = new Map<string, Promise<unknown>>()

  constructor(files: BlockFiles, index: BlockIndex, onEvent: ContentEventListener) {
    super()
    this.#files = files
    this.#index = index
    this.#onEvent = onEvent
  }

  async load(): Promise<void> {
    for (const { root, keys } of await this.#files.readPins()) {
      if (keys.length > 0) this.#keepPin(root, new Set(keys))
      else {
        await this.#files.removePin(root)
        this.#onEvent({ type: 'content/corrupt', name: root })
      }
    }
    for (const { key, sizeBytes, usedMs } of await this.#files.scan()) {
      this.#index.adopt(key, { sizeBytes, touchedMs: usedMs })
    }
    await this.#makeRoom(0)
  }

  override has(cid: CID): boolean {
    return this.#index.has(blockKey(cid))
  }

  async read(cid: CID, options: { signal?: AbortSignal } = {}): Promise<Uint8Array | undefined> {
    const key = blockKey(cid)
    const block = this.#index.use(key)
    if (block === undefined) return undefined
    const bytes = await this.#files.read(key, options.signal)
    if (bytes === undefined || !matchesCid(cid, bytes)) {
      await this.#removeCorrupt(cid, key)
      return undefined
    }
    if (Date.now() - block.touchedMs > TOUCH_MS) {
      block.touchedMs = Date.now()
      await this.#files.touch(key)
    }
    return bytes
  }

  override async *get(cid: CID, options: { signal?: AbortSignal } = {}): AsyncGenerator<Uint8Array> {
    const bytes = await this.read(cid, options)
    if (bytes === undefined) throw new NotFoundError(`No block ${cid} here`)
    yield bytes
  }

  override async put(cid: CID, input: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<CID> {
    const bytes = input instanceof Uint8Array ? input : await join(input)
    refuseBadBlock(cid, bytes)
    const key = blockKey(cid)
    if (this.#index.use(key) !== undefined) return cid
    await this.#makeRoom(bytes.length)
    let kept = false
    try {
      kept = await this.#exclusive(key, async () => {
        if (this.#index.has(key)) return false
        await this.#files.write(key, bytes)
        this.#index.commit(key, { sizeBytes: bytes.length, touchedMs: Date.now() })
        return true
      })
    } finally {
      if (!kept) this.#index.release(bytes.length)
    }
    return cid
  }

  override async delete(cid: CID): Promise<void> {
    const key = blockKey(cid)
    if (this.#index.isNeeded(key)) {
      throw new TeapotError('content/pinned', `Cannot delete ${cid}: it is pinned or in use; unpin it first`)
    }
    await this.#exclusive(key, async () => {
      this.#index.forget(key)
      await this.#files.remove(key)
    })
  }

  override async *getAll(): AsyncGenerator<Pair> {
    for (const key of this.#index.keys()) {
      const cid = cidOfKey(key)
      const bytes = await this.read(cid)
      if (bytes !== undefined) yield { cid, bytes: one(bytes) }
    }
  }

  async pin(root: CID, blocks: Iterable<CID>): Promise<void> {
    using hold = this.hold()
    for (const cid of [root, ...blocks]) hold.add(cid)
    const keys = new Set(Array.from(hold.cids, blockKey))
    await this.#files.sync(keys)
    await this.#files.writePin(root.toString(), keys)
    this.#keepPin(root.toString(), keys)
  }

  async unpin(root: CID): Promise<void> {
    await this.#files.removePin(root.toString())
    this.#dropPin(root.toString())
  }

  hold(): Hold {
    const held = new Map<string, CID>()
    return {
      get cids() {
        return held.values()
      },
      add: (cid) => {
        const key = blockKey(cid)
        if (held.has(key)) return
        held.set(key, cid)
        this.#index.need(key)
      },
      [Symbol.dispose]: () => {
        for (const key of held.keys()) this.#index.unneed(key)
        held.clear()
      },
    }
  }

  usage(): BlockStoreUsage {
    const { usedBytes, quotaBytes, size } = this.#index
    return { usedBytes, quotaBytes, neededBytes: this.#index.neededBytes(), blocks: size, pins: [...this.#pins.keys()] }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#busy.values())
  }

  #keepPin(root: string, keys: Set<string>): void {
    for (const key of keys) this.#index.need(key)
    this.#dropPin(root)
    this.#pins.set(root, keys)
  }

  #dropPin(root: string): void {
    for (const key of this.#pins.get(root) ?? []) this.#index.unneed(key)
    this.#pins.delete(root)
  }

  async #makeRoom(sizeBytes: number): Promise<void> {
    for (const [key, block] of this.#index.reserve(sizeBytes)) {
      await this.#exclusive(key, async () => {
        if (!this.#index.has(key)) await this.#files.remove(key)
      })
      this.#onEvent({ type: 'content/evicted', name: cidOfKey(key).toString(), sizeBytes: block.sizeBytes })
    }
  }

  async #removeCorrupt(cid: CID, key: string): Promise<void> {
    await this.#exclusive(key, async () => {
      // It may have been replaced by a good copy since it was read.
      const bytes = await this.#files.read(key)
      if (bytes !== undefined && matchesCid(cid, bytes)) return
      if (this.#index.forget(key) === undefined) return
      await this.#files.remove(key)
      this.#onEvent({ type: 'content/corrupt', name: cid.toString() })
    })
  }

  /** One file operation at a time for each block. */
  async #exclusive<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(key)
    const mine = (async () => {
      await before?.catch(() => undefined)
      return work()
    })()
    this.#busy.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#busy.get(key) === mine) this.#busy.delete(key)
    }
  }
}

function refuseBadBlock(cid: CID, bytes: Uint8Array): void {
  checkCid(cid)
  if (bytes.length > MAX_BLOCK_BYTES) {
    const message = `Cannot store block ${cid}: expected at most ${MAX_BLOCK_BYTES} bytes, found ${bytes.length}; split it`
    throw new TeapotError('content/too-large', message)
  }
  if (!matchesCid(cid, bytes)) {
    throw new TeapotError(
      'content/hash-mismatch',
      `Cannot store block ${cid}: its ${bytes.length} bytes hash to something else`,
    )
  }
}

async function join(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return concatBytes(...parts)
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
