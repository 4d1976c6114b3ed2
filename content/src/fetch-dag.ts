import { TeapotError } from '@teapot-network/trust'
import type { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { BlockSource, type FetchParts } from './block-source.ts'
import type { BlockStore } from './block-store.ts'
import { linksOf, readWhole, resolveEntry, tooLarge } from './dag.ts'

/** Blocks of one DAG asked for at the same time. */
const PARALLEL_BLOCKS = 6
/** No DAG of ours is deeper: a file of 1 GiB has depth 2, each folder adds one. */
const MAX_DEPTH = 64
/** Bounds the memory that a DAG made of links can take. */
const MAX_BLOCKS = 2 ** 17
/** What a fetch takes in unless told otherwise: 64 MiB. */
const DEFAULT_MAX_BYTES = 2 ** 26

/** How to fetch. */
export interface FetchOptions {
  /** Base URLs of trustless HTTP gateways, best first; the swarm is asked after them. */
  peers?: string[]
  /** Most bytes of blocks, and of the file; 64 MiB unless told. */
  maxBytes?: number
  /** Whether to pin it once it is here whole. */
  pin?: boolean
  signal?: AbortSignal
}

/** Fetches DAGs; callers that want the same one at the same time share the work. */
export class DagFetcher {
  readonly #store: BlockStore
  readonly #parts: FetchParts
  readonly #flights = new Map<string, Flight>()

  constructor(store: BlockStore, parts: FetchParts) {
    this.#store = store
    this.#parts = parts
  }

  /**
   * Brings a whole DAG into the store; returns a file's bytes, or none for a directory.
   * The work goes on while anybody waits for it.
   */
  async fetch(root: CID, options: FetchOptions): Promise<Uint8Array> {
    options.signal?.throwIfAborted()
    const name = root.toString()
    let flight = this.#flights.get(name)
    if (flight === undefined) {
      const made = new Flight(this.#store, this.#parts, root, () => {
        if (this.#flights.get(name) === made) this.#flights.delete(name)
      })
      this.#flights.set(name, made)
      flight = made
    }
    return flight.join(options)
  }

  /** Ends all work under way; those who wait are told. */
  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#flights.values(), (flight) => flight.cancel()))
  }
}

/** One fetch under way and those who wait for it. */
class Flight {
  readonly #store: BlockStore
  readonly #root: CID
  readonly #source: BlockSource
  readonly #controller = new AbortController()
  readonly #onEnd: () => void
  #done: Promise<Uint8Array> | undefined
  #waiting = 0
  #maxBytes = 0
  #sizeBytes = 0
  #pin = false

  constructor(store: BlockStore, parts: FetchParts, root: CID, onEnd: () => void) {
    this.#store = store
    this.#root = root
    this.#source = new BlockSource(parts)
    this.#onEnd = onEnd
  }

  async join({ peers = [], maxBytes = DEFAULT_MAX_BYTES, pin = false, signal }: FetchOptions): Promise<Uint8Array> {
    this.#source.addPeers(peers)
    this.#maxBytes = Math.max(this.#maxBytes, maxBytes)
    this.#pin ||= pin
    this.#waiting++
    this.#done ??= this.#run().finally(this.#onEnd)
    try {
      const bytes = await untilAborted(this.#done, signal)
      if (this.#sizeBytes > maxBytes) throw tooLarge(this.#root, maxBytes)
      return bytes
    } finally {
      if (--this.#waiting === 0) this.#abandon()
    }
  }

  async cancel(): Promise<void> {
    this.#controller.abort(
      new TeapotError('content/stopped', `Cannot fetch ${this.#root}: the node stops`, { kind: 'unavailable' }),
    )
    await this.#done?.catch(() => undefined)
  }

  #abandon(): void {
    this.#onEnd()
    this.#controller.abort()
    this.#done?.catch(() => undefined)
  }

  async #run(): Promise<Uint8Array> {
    const { signal } = this.#controller
    using hold = this.#store.hold()
    const seen = new Set<string>()
    let level = [this.#root]
    let first: Uint8Array | undefined
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > MAX_DEPTH) throw tooMany(this.#root, `${MAX_DEPTH} levels of blocks`)
      const next: CID[] = []
      await inParallel(level, this.#controller, async (cid) => {
        hold.add(cid)
        const bytes = await this.#block(cid, signal)
        first ??= bytes
        for (const link of linksOf(cid, bytes)) {
          if (seen.has(link.toString())) continue
          seen.add(link.toString())
          if (seen.size > MAX_BLOCKS) throw tooMany(this.#root, `${MAX_BLOCKS} blocks`)
          next.push(link)
        }
      })
      level = next
    }
    if (this.#pin) await this.#store.pin(this.#root, hold.cids)
    if (this.#root.code === raw.code) return first!
    const entry = await resolveEntry(this.#store, this.#root, [], signal)
    return entry.kind === 'file' ? readWhole(entry, this.#maxBytes, signal) : new Uint8Array()
  }

  async #block(cid: CID, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted()
    const local = await this.#store.read(cid, { signal })
    const bytes = local ?? (await this.#source.block(cid, signal))
    this.#sizeBytes += bytes.length
    if (this.#sizeBytes > this.#maxBytes) throw tooLarge(this.#root, this.#maxBytes)
    if (local === undefined) await this.#store.put(cid, bytes)
    return bytes
  }
}

/** Runs work on all items, a few at a time; the first failure aborts the rest and is thrown once all have ended. */
async function inParallel<T>(items: T[], controller: AbortController, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  let failure: { error: unknown } | undefined
  const lane = async () => {
    for (const item of queue) {
      try {
        await work(item)
      } catch (error) {
        failure ??= { error }
        controller.abort(error)
        return
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL_BLOCKS, items.length) }, lane))
  if (failure) throw failure.error
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function tooMany(root: CID, limit: string): TeapotError {
  return new TeapotError('content/malformed', `Cannot fetch ${root}: expected at most ${limit}, found more`)
}
