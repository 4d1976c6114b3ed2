import { TeapotError } from '@teapot-network/trust'
import type { CID } from 'multiformats/cid'
import { matchesCid } from './cid.ts'
import type { ContentEventListener } from './events.ts'
import type { HttpPeers } from './http-peer.ts'

/** Asks the libp2p peers for a block; `undefined` when none of them gives it in time. The bytes are verified. */
export type AskSwarm = (cid: CID, signal: AbortSignal) => Promise<Uint8Array | undefined>

/** What a fetch works with; counters are the node's. */
export interface FetchParts {
  http: HttpPeers
  /** Longest wait for one block from one gateway. */
  peerTimeoutMs: number
  askSwarm: AskSwarm
  onEvent: ContentEventListener
  counters: FetchCounters
}

/** Bytes taken in since start, and blocks refused because they did not hash to their CID. */
export interface FetchCounters {
  httpBytes: number
  swarmBytes: number
  lies: number
}

/**
 * Where one fetch gets its blocks: gateways in the order given, then the swarm (spec/content.md §4).
 * A gateway that lied or failed is not asked again by this fetch.
 */
export class BlockSource {
  readonly #parts: FetchParts
  readonly #peers: string[] = []
  readonly #dropped = new Map<string, string>()

  constructor(parts: FetchParts) {
    this.#parts = parts
  }

  /** Adds gateways behind those known. */
  addPeers(peers: string[]): void {
    for (const peer of peers) if (!this.#peers.includes(peer)) this.#peers.push(peer)
  }

  /**
   * One verified block.
   * @throws TeapotError `content/unreachable` when nobody gave it
   */
  async block(cid: CID, signal: AbortSignal): Promise<Uint8Array> {
    const asked = new Set<string>()
    for (;;) {
      const peer = this.#peers.find((peer) => !asked.has(peer) && !this.#dropped.has(peer))
      if (peer === undefined) break
      asked.add(peer)
      const bytes = await this.#ask(peer, cid, signal)
      if (bytes !== undefined) return bytes
    }
    const bytes = await this.#parts.askSwarm(cid, signal)
    signal.throwIfAborted()
    if (bytes === undefined) throw this.#unreachable(cid, asked.size)
    this.#parts.counters.swarmBytes += bytes.length
    return bytes
  }

  async #ask(peer: string, cid: CID, signal: AbortSignal): Promise<Uint8Array | undefined> {
    let bytes: Uint8Array | undefined
    try {
      bytes = await this.#parts.http.block(peer, cid, { timeoutMs: this.#parts.peerTimeoutMs, signal })
    } catch (error) {
      signal.throwIfAborted()
      this.#dropped.set(peer, (error as Error).message)
      return undefined
    }
    if (bytes === undefined) return undefined
    if (!matchesCid(cid, bytes)) {
      this.#dropped.set(peer, `${peer} sent ${bytes.length} bytes that do not hash to ${cid}`)
      this.#parts.counters.lies++
      this.#parts.onEvent({ type: 'content/liar', peer, cid: cid.toString() })
      return undefined
    }
    this.#parts.counters.httpBytes += bytes.length
    this.#favour(peer)
    return bytes
  }

  /** Who has one block of a DAG most likely has the next. */
  #favour(peer: string): void {
    this.#peers.splice(this.#peers.indexOf(peer), 1)
    this.#peers.unshift(peer)
  }

  #unreachable(cid: CID, asked: number): TeapotError {
    const why = [...this.#dropped.values()].join('; ')
    const message = `Cannot fetch ${cid}: asked ${asked} gateways and the swarm, found it nowhere${why && ` (${why})`}; try other peers`
    return new TeapotError('content/unreachable', message, { kind: 'unavailable' })
  }
}
