import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { decode } from '@msgpack/msgpack'
import { type BlockStore, type ContentNode, createBlockStore, createContentNode } from '@teapot-network/content'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { DaemonServices } from '../../provider.ts'
import type { ProviderSupervisor, ProviderSupervisorOptions } from '../../supervisor.ts'
import {
  type Asked,
  ask,
  askBytes,
  isRefused,
  openWorkbench,
  type Workbench,
} from '../../testing/open-providers.fixture.ts'
import { BlobIndex } from './blob-index.ts'
import { Blobs } from './blobs.ts'
import { newObjectKey, open, seal } from './sealed-piece.ts'

interface Chunk {
  sequenceNo: number
  container: string
  id: string
  totalBytes: number
  chunkSize: number
  chunkBytes: Uint8Array
  context?: string
}

let bench: Workbench
let store: BlockStore
let content: ContentNode
let supervisor: ProviderSupervisor
const received: Chunk[] = []
/** What the daemon's content store says, when a test wants it to refuse. */
let trouble: { code: string } | undefined
const blocks = new Set<string>()

const services: DaemonServices = {
  async putBlock(bytes) {
    if (trouble !== undefined) throw Object.assign(new Error('no room'), trouble)
    const cid = await content.add(bytes)
    blocks.add(cid)
    return cid
  },
  getBlock: (cid) => content.get(cid),
  async dropBlock(cid) {
    await content.unpin(cid)
    blocks.delete(cid)
  },
  async callActor(_actor, operation, payload) {
    expect(operation).toBe('ReceiveChunk')
    received.push(decode(Uint8Array.from(payload)) as Chunk)
    return new Uint8Array(0)
  },
}

const launch = async (options: Partial<ProviderSupervisorOptions> = {}) => {
  const made = bench.supervise({ services, ...options })
  await made.load(bench.image('blobstore', { grants: ['node:sqlite', 'content', 'actors'] }))
  return made
}

beforeAll(async () => {
  bench = await openWorkbench('blobstore')
  store = await createBlockStore({ dir: join(bench.folder, 'blocks'), quotaBytes: 64 << 20 })
  content = await createContentNode({ store, peerKey: new Uint8Array(32).fill(7), listen: ['/ip4/127.0.0.1/tcp/0'] })
  supervisor = await launch()
})
afterAll(async () => {
  await supervisor?.[Symbol.asyncDispose]()
  await content?.[Symbol.asyncDispose]()
  await store?.[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})
beforeEach(() => {
  received.length = 0
  trouble = undefined
})

const wascc = (operation: string, payload: unknown, asked: Asked = {}, by = supervisor) =>
  ask(by, operation, payload, { capability: 'wascc:blobstore', ...asked })
const wasi = (operation: string, args: unknown[], asked: Asked = {}, by = supervisor) =>
  ask(by, operation, args, { capability: 'wasi:blobstore', ...asked })
/** How many of the blocks that are there now were not before: what earlier tests left may still be on its way out. */
function sinceNow(): () => number {
  const before = new Set(blocks)
  return () => blocks.difference(before).size
}
const bytesOf = (size: number, seed = 1) =>
  Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) * seed) & 255)

async function upload(id: string, data: Uint8Array, chunkSize: number, asked: Asked = {}, by = supervisor) {
  const chunk = { container: 'c', id, totalBytes: data.length, chunkSize }
  await wascc('StartUpload', { ...chunk, sequenceNo: 0, chunkBytes: new Uint8Array(0) }, asked, by)
  for (let at = 0, sequenceNo = 1; at < data.length; at += chunkSize, sequenceNo++)
    await wascc('UploadChunk', { ...chunk, sequenceNo, chunkBytes: data.subarray(at, at + chunkSize) }, asked, by)
}

async function download(id: string, chunkSize: number) {
  received.length = 0
  await wascc('StartDownload', { id, container: 'c', chunkSize, context: 'mine' })
  const size = () => received.reduce((sum, { chunkBytes }) => sum + chunkBytes.length, 0)
  await expect.poll(() => received[0] !== undefined && size() === received[0].totalBytes).toBe(true)
  return Buffer.concat(received.map(({ chunkBytes }) => chunkBytes))
}

const isMalformed = (work: Promise<unknown>) =>
  expect(work).rejects.toMatchObject({ code: 'provider/malformed-payload' })

describe('wascc:blobstore', () => {
  beforeAll(async () => {
    expect(await wascc('CreateContainer', { id: 'c' })).toEqual({ id: 'c' })
  })

  test('What is uploaded in chunks is downloaded in chunks, whatever their sizes', async () => {
    const data = bytesOf(1_700_001)
    await upload('tea', data, 600_000)
    expect(await wascc('GetObjectInfo', { id: 'tea', container: 'c', byteSize: 0 })).toEqual({
      ...{ id: 'tea', container: 'c', byteSize: data.length },
    })
    expect(Buffer.compare(await download('tea', 400_000), data)).toBe(0)
    expect(received.map(({ sequenceNo }) => sequenceNo)).toEqual([1, 2, 3, 4, 5])
    expect(received[0]).toMatchObject({ container: 'c', id: 'tea', chunkSize: 400_000, context: 'mine' })
    expect(Buffer.compare(await download('tea', 2 ** 30), data)).toBe(0)
    expect(await wascc('ListObjects', { id: 'c' })).toEqual({
      blobs: [{ id: 'tea', container: 'c', byteSize: data.length }],
    })
    expect(await wascc('ListObjects', ['c'])).toEqual([[['tea', 'c', data.length]]])
  })

  test('An object is not to be seen before its last chunk, and the old one is until then', async () => {
    await upload('new', bytesOf(10), 10)
    const chunk = { container: 'c', id: 'new', totalBytes: 20, chunkSize: 10 }
    await wascc('StartUpload', { ...chunk, sequenceNo: 0, chunkBytes: [] })
    await wascc('UploadChunk', { ...chunk, sequenceNo: 2, chunkBytes: bytesOf(10, 2) })
    for (let twice = 0; twice < 2; twice++) {
      expect(Buffer.compare(await download('new', 100), bytesOf(10))).toBe(0)
      if (twice === 0) await wascc('UploadChunk', { ...chunk, sequenceNo: 2, chunkBytes: bytesOf(10, 3) })
    }
    await wascc('UploadChunk', { ...chunk, sequenceNo: 1, chunkBytes: [...bytesOf(10, 4)] })
    expect(Buffer.compare(await download('new', 100), Buffer.concat([bytesOf(10, 4), bytesOf(10, 3)]))).toBe(0)
  })

  test('More bytes than announced, a chunk without a start, and what is not there are refused', async () => {
    const chunk = { container: 'c', id: 'bad', totalBytes: 10, chunkSize: 10 }
    await isRefused(wascc('UploadChunk', { ...chunk, sequenceNo: 1, chunkBytes: [1] }), 'provider/no-such-object')
    await wascc('StartUpload', { ...chunk, sequenceNo: 0, chunkBytes: [] })
    await isRefused(
      wascc('UploadChunk', { ...chunk, sequenceNo: 1, chunkBytes: bytesOf(11) }),
      'provider/malformed-payload',
    )
    expect(await wascc('GetObjectInfo', { id: 'bad', container: 'c' })).toEqual({ id: '', container: '', byteSize: 0 })
    const nowhere = { code: 'provider/no-such-container' }
    await isRefused(wascc('ListObjects', { id: 'nowhere' }), nowhere)
    await isRefused(wascc('StartUpload', { ...chunk, container: 'nowhere', sequenceNo: 0 }), nowhere)
    await isRefused(wascc('StartDownload', { id: 'bad', container: 'c', chunkSize: 5 }), 'provider/no-such-object')
    await upload('small', bytesOf(10), 10)
    await isRefused(wascc('StartDownload', { id: 'small', container: 'c', chunkSize: 0 }), 'provider/malformed-payload')
    for (const id of ['', 'x'.repeat(1_025)])
      await isRefused(wascc('CreateContainer', { id }), 'provider/malformed-payload')
  })

  test('Removing an object or a container lets go of its blocks', async () => {
    const added = sinceNow()
    await upload('gone', bytesOf(2_000_000), 500_000)
    expect(added()).toBe(4)
    await wascc('RemoveObject', { id: 'gone', container: 'c', byteSize: 0 })
    await expect.poll(added).toBe(0)
    await wascc('RemoveContainer', { id: 'c' })
    await expect.poll(() => blocks.size).toBe(0)
    expect(content.stats().store.pins).toEqual([])
    await isRefused(wascc('ListObjects', { id: 'c' }), 'provider/no-such-container')
    await wascc('RemoveContainer', { id: 'c' })
  })
})

describe('wasi:blobstore', () => {
  const write = (name: string, data: Uint8Array, ...more: number[]) =>
    wasi('container.write-data', ['w', name, data, ...more])
  const read = (name: string, start: number, end: number | bigint) =>
    wasi('container.get-data', ['w', name, start, end])

  test('Objects are written, read in parts, listed and deleted', async () => {
    expect(await wasi('container.exists', ['w'])).toBe(false)
    expect(await wasi('blobstore.create-container', ['w'])).toBeNull()
    expect(await wasi('blobstore.container-exists', ['w'])).toBe(true)
    expect(await wasi('container.info', ['w'])).toEqual({ name: 'w', createdAt: expect.any(Number) })
    await write('a', bytesOf(700_000))
    await write('b', new Uint8Array(0))
    expect(await read('a', 0, 2n ** 64n - 1n)).toEqual(bytesOf(700_000))
    expect(await read('a', 524_280, 524_299)).toEqual(bytesOf(700_000).subarray(524_280, 524_300))
    expect(await read('a', 699_999, 699_999)).toEqual(bytesOf(700_000).subarray(699_999))
    expect(await read('a', 700_000, 800_000)).toEqual(new Uint8Array(0))
    expect(await read('a', 9, 3)).toEqual(new Uint8Array(0))
    expect(await read('b', 0, 10)).toEqual(new Uint8Array(0))
    expect(await wasi('container.list-objects', ['w'])).toEqual(['a', 'b'])
    expect(await wasi('container.list-objects', ['w', 1])).toEqual(['b'])
    expect(await wasi('container.object-info', ['w', 'a'])).toEqual({
      ...{ name: 'a', container: 'w', size: 700_000, createdAt: expect.any(Number) },
    })
    expect(await wasi('container.has-object', ['w', 'c'])).toBe(false)
    await wasi('container.delete-objects', ['w', ['b', 'c']])
    expect(await wasi('container.has-object', ['w', 'b'])).toBe(false)
    await isRefused(wasi('container.object-info', ['w', 'b']), 'provider/no-such-object')
  })

  test('An object of several calls is there after the last, and is read in ranges', async () => {
    const data = bytesOf(2_500_000)
    for (let chunk = 0; chunk * 1_000_000 < data.length; chunk++) {
      expect(await wasi('container.has-object', ['w', 'large'])).toBe(false)
      await write('large', data.subarray(chunk * 1_000_000, (chunk + 1) * 1_000_000), chunk, data.length)
    }
    await isRefused(read('large', 0, data.length), 'provider/response-too-large')
    expect(await read('large', 900_000, 1_899_999)).toEqual(data.subarray(900_000, 1_900_000))
  })

  test('Objects are copied and moved, also over others', async () => {
    await write('from', bytesOf(600_000))
    await write('to', bytesOf(10))
    await wasi('blobstore.copy-object', [['w', 'from'], { container: 'w', object: 'to' }])
    await wasi('container.delete-object', ['w', 'from'])
    expect(await read('to', 0, 10 ** 9)).toEqual(bytesOf(600_000))
    await wasi('blobstore.copy-object', [
      ['w', 'to'],
      ['w', 'to'],
    ])
    await wasi('container.create', ['v'])
    await wasi('blobstore.move-object', [
      ['w', 'to'],
      ['v', 'moved'],
    ])
    expect(await wasi('container.has-object', ['w', 'to'])).toBe(false)
    expect(await wasi('container.get-data', ['v', 'moved', 599_999, 10 ** 9])).toEqual(
      bytesOf(600_000).subarray(599_999),
    )
    await isRefused(
      wasi('blobstore.move-object', [
        ['w', 'to'],
        ['v', 'x'],
      ]),
      'provider/no-such-object',
    )
    await wasi('container.clear', ['w'])
    expect(await wasi('container.list-objects', ['w'])).toEqual([])
    await wasi('blobstore.delete-container', ['v'])
    await expect.poll(() => blocks.size).toBe(0)
  })

  test('Containers of another actor, and of another binding, are out of reach', async () => {
    await write('mine', bytesOf(10))
    for (const asked of [{ actor: 'other' }, { binding: 'other' }]) {
      expect(await wasi('container.exists', ['w'], asked)).toBe(false)
      await isRefused(wasi('container.get-data', ['w', 'mine', 0, 9], asked), 'provider/no-such-container')
      await wasi('container.create', ['w'], asked)
      expect(await wasi('container.has-object', ['w', 'mine'], asked)).toBe(false)
      await wasi('container.delete', ['w'], asked)
    }
    expect(await read('mine', 0, 9)).toEqual(bytesOf(10))
  })
})

test('Of several that write one object at a time, one is what is there', async () => {
  await wasi('container.create', ['busy'])
  const texts = ['one', 'two', 'six', 'ten'].map((text) => Buffer.from(text))
  // How they fall over each other is another each time.
  for (let round = 0; round < 20; round++) {
    await Promise.allSettled(texts.map((text) => wasi('container.write-data', ['busy', 'x', text])))
    const found = Buffer.from((await wasi('container.get-data', ['busy', 'x', 0, 9])) as Uint8Array)
    expect(texts.some((text) => text.equals(found))).toBe(true)
  }
  await wasi('container.delete', ['busy'])
})

test('A chunk costs the same however many came before it, also where an upload was begun by an older version', async () => {
  const path = join(bench.folder, 'index.sqlite')
  let index = new BlobIndex(path, 1 << 20)
  const owner = { actor: 'a', binding: 'default' }
  const container = index.createContainer(owner, 'c')
  const chunk = Uint8Array.of(7)
  const add = async (to: BlobIndex, from: number, count: number) => {
    const read = vi.spyOn(to, 'pieces')
    const blobs = new Blobs(to, services)
    const upload = from === 0 ? blobs.begin(owner, 'c', 'x', 20) : blobs.upload(owner, 'c', 'x')
    for (let seq = from; seq < from + count; seq++) await blobs.put(owner, 'c', upload, seq, chunk)
    await isMalformed(blobs.put(owner, 'c', upload, from + count, new Uint8Array(21)))
    expect(read).not.toHaveBeenCalled()
    return upload
  }
  await add(index, 0, 10)
  index.close()
  using database = new DatabaseSync(path)
  database.exec('DROP TRIGGER held_more; DROP TRIGGER held_less; DROP TABLE held')
  index = new BlobIndex(path, 1 << 20)
  const upload = await add(index, 10, 9)
  expect(index.findObject(container, 'x')).toBeUndefined()
  await new Blobs(index, services).put(owner, 'c', upload, 19, chunk)
  expect(index.findObject(container, 'x')).toMatchObject({ size: 20 })
  index.close()
})

test('An upload that was started anew while it ended leaves the object that is there', () => {
  const index = new BlobIndex(':memory:', 1 << 20)
  const container = index.createContainer({ actor: 'a', binding: 'default' }, 'c')
  const begin = (size: number) => index.begin('a', container, 'x', size, newObjectKey())
  const there = begin(0)
  index.finish(container, there)
  const overtaken = begin(0)
  begin(5)
  index.finish(container, overtaken)
  expect(index.findObject(container, 'x')?.id).toBe(there.id)
  index.close()
})

test('The blocks that lie in the content store tell nothing, and no two are the same', async () => {
  const data = Buffer.from('a secret recipe for tea'.repeat(100))
  await wasi('container.create', ['sealed'])
  for (const name of ['one', 'two']) await wasi('container.write-data', ['sealed', name, data])
  const stored = await Promise.all([...blocks].map((cid) => content.get(cid)))
  expect(stored.filter((block) => block.length === data.length + 28)).toHaveLength(2)
  for (const block of stored) expect(Buffer.from(block).includes('secret')).toBe(false)
  const key = newObjectKey()
  const sealed = seal(data, key)
  expect(Buffer.compare(open(sealed, key), data)).toBe(0)
  sealed[20]! ^= 1
  expect(() => open(sealed, key)).toThrow()
  expect(() => open(new Uint8Array(5), key)).toThrow()
  await wasi('container.delete', ['sealed'])
})

test('What one actor keeps is limited, and a store that is full says so', async () => {
  await using small = await launch({ operator: { blobstore: { quotaBytes: 100_000 } } })
  const full = { code: 'provider/quota-exceeded' }
  await wasi('container.create', ['c'], {}, small)
  await wasi('container.write-data', ['c', 'a', bytesOf(60_000)], {}, small)
  const added = sinceNow()
  await isRefused(wasi('container.write-data', ['c', 'b', bytesOf(60_000)], {}, small), full)
  const chunk = { container: 'c', id: 'd', totalBytes: 10 ** 9, chunkSize: 10, sequenceNo: 0, chunkBytes: [] }
  await isRefused(wascc('StartUpload', chunk, {}, small), full)
  await wasi('container.create', ['c'], { actor: 'neighbour' }, small)
  await wasi('container.write-data', ['c', 'b', bytesOf(60_000)], { actor: 'neighbour' }, small)
  expect(added()).toBe(1)
  await wasi('container.delete-object', ['c', 'a'], {}, small)
  await wasi('container.write-data', ['c', 'b', bytesOf(60_000)], {}, small)
  trouble = { code: 'content/disk-full' }
  await isRefused(wasi('container.write-data', ['c', 'e', bytesOf(10)], {}, small), full)
  trouble = { code: 'content/store-failed' }
  await isRefused(wasi('container.write-data', ['c', 'e', bytesOf(10)], {}, small), 'provider/unreachable')
})

test('A process that is killed loses no finished object, and lets go afterwards of what it could not', async () => {
  const dataDirectory = mkdtempSync(join(bench.folder, 'killed-'))
  const asked = Promise.withResolvers<void>()
  let reluctant = true
  const dropBlock = (cid: string) => {
    if (!reluctant) return services.dropBlock(cid)
    asked.resolve()
    return new Promise<void>(() => {})
  }
  await using mortal = await launch({ dataDirectory, services: { ...services, dropBlock }, limits: { backoffMs: 1 } })
  await wasi('container.create', ['c'], {}, mortal)
  const added = sinceNow()
  await wasi('container.write-data', ['c', 'kept', bytesOf(1_000)], {}, mortal)
  await wasi('container.write-data', ['c', 'gone', bytesOf(1_000)], {}, mortal)
  await wasi('container.delete-object', ['c', 'gone'], {}, mortal)
  await asked.promise
  process.kill(mortal.list()[0]!.pid!, 'SIGKILL')
  reluctant = false
  await expect.poll(() => mortal.list()[0]!.restarts).toBe(1)
  expect(await wasi('container.get-data', ['c', 'kept', 0, 999], {}, mortal)).toEqual(bytesOf(1_000))
  await wasi('container.delete-object', ['c', 'nothing'], {}, mortal)
  await expect.poll(added).toBe(1)
})

test('Silent operations are answered with no bytes', async () => {
  const asked = { capability: 'wascc:blobstore' }
  expect(await askBytes(supervisor, 'RemoveContainer', { id: 'none' }, asked)).toHaveLength(0)
})
