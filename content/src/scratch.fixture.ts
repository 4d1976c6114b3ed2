import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { test as base } from 'vitest'
import { type BlockStore, createBlockStore } from './block-store.ts'
import { cidOfRaw } from './cid.ts'
import { type ContentNode, type ContentNodeOptions, createContentNode } from './content-node.ts'
import type { ContentEvent } from './events.ts'

/** For tests: everything started here ends with `await using`. */
export class Scratch implements AsyncDisposable {
  readonly events: ContentEvent[] = []
  readonly #stack = new AsyncDisposableStack()

  /** A folder that goes away. */
  async dir(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'teapot-content-'))
    this.#stack.defer(() => rm(dir, { recursive: true, force: true }))
    return dir
  }

  async store(quotaBytes = 2 ** 30, dir?: string): Promise<BlockStore & { dir: string }> {
    const place = dir ?? (await this.dir())
    const store = await createBlockStore({ dir: place, quotaBytes, onEvent: (event) => this.events.push(event) })
    return Object.assign(this.#stack.use(store), { dir: place })
  }

  /** A node that nobody is too slow for, unless it is told. */
  async node(options: Partial<ContentNodeOptions> = {}): Promise<ContentNode> {
    const store = options.store ?? (await this.store())
    const patient = { peerTimeoutMs: 30_000, swarmTimeoutMs: 30_000 }
    const onEvent = (event: ContentEvent) => void this.events.push(event)
    return this.#stack.use(await createContentNode({ ...patient, onEvent, ...options, store }))
  }

  /** A HTTP server on a free loopback port; returns its base URL. */
  async serve(handler: RequestListener, onConnection: () => void = () => undefined): Promise<string> {
    const server: Server = createServer(handler).on('connection', onConnection)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    this.#stack.defer(() => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

/** A test with a scratch of its own, and two nodes that know nothing of each other if it asks for them. */
export const test = base.extend<{ scratch: Scratch; a: ContentNode; b: ContentNode }>({
  scratch: async ({ task: _ }, use) => {
    await using scratch = new Scratch()
    await use(scratch)
  },
  a: async ({ scratch }, use) => use(await scratch.node()),
  b: async ({ scratch }, use) => use(await scratch.node()),
})

/** A block of a UnixFS file over other blocks, with the sizes it claims for them (specs.ipfs.tech/unixfs §4). */
export function fileBlock(parts: { cid: CID; claims: number }[]): { cid: CID; bytes: Uint8Array } {
  const sizes = parts.flatMap(({ claims }) => [0x20, ...varint(claims)])
  const whole = varint(parts.reduce((sum, { claims }) => sum + claims, 0))
  const Links = parts.map(({ cid }) => ({ Hash: cid, Name: '', Tsize: 0 }))
  return linkingBlock(Links, Uint8Array.from([0x08, 0x02, 0x18, ...whole, ...sizes]))
}

/** A dag-pb block. */
export function linkingBlock(Links: dagPb.PBLink[], Data?: Uint8Array): { cid: CID; bytes: Uint8Array } {
  const bytes = dagPb.encode(Data === undefined ? { Links } : { Data, Links })
  return { bytes, cid: cidOfDagPb(bytes) }
}

/** What a block's CID would be if its bytes were dag-pb. */
export function cidOfDagPb(bytes: Uint8Array): CID {
  return CID.createV1(dagPb.code, cidOfRaw(bytes).multihash)
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))]
}

/** Bytes that no compression or luck makes equal: counted up from a seed. */
export function someBytes(sizeBytes: number, seed = 1): Uint8Array {
  const out = new Uint8Array(sizeBytes)
  let state = seed
  for (let i = 0; i < sizeBytes; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    out[i] = state >>> 24
  }
  return out
}
