import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from './limits.ts'
import { ModuleCache } from './module-cache.ts'
import { ModuleStore } from './module-store.ts'
import type { Release } from './release.ts'
import { actor, data, echo, numbers } from './testing/build-module.ts'
import { ask, image, openHost } from './testing/open-host.ts'

const COMPONENT = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0)
let directory: string
let transpiled = 0
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-store-'))
  transpiled = 0
})
afterEach(() => rm(directory, { recursive: true, force: true }))

async function openStore(): Promise<ModuleStore> {
  const cache = await ModuleCache.open({ directory, maxBytes: 1 << 20, key: Buffer.alloc(32, 7) })
  return new ModuleStore(cache, {
    version: 'test',
    transpile: async (component) => Buffer.concat([Buffer.of(++transpiled), component]),
  })
}

const open = (store: ModuleStore, publisher: string, bytes: Uint8Array, limits = DEFAULT_LIMITS) =>
  store.open({ publisher, bytes }, limits, undefined)

test('A component is transpiled once for all publishers, and anew under other limits', async () => {
  const store = await openStore()
  const first = await open(store, 'a', COMPONENT)
  expect(first).toMatchObject({ form: 'component', size: 9, bytes: Buffer.of(1, ...COMPONENT) })
  expect((await open(store, 'b', COMPONENT)).bytes).toEqual(Buffer.of(1, ...COMPONENT))
  expect((await open(await openStore(), 'c', COMPONENT)).bytes).toEqual(Buffer.of(1, ...COMPONENT))
  await open(store, 'a', COMPONENT, { ...DEFAULT_LIMITS, memoryPages: 1 })
  await open(store, 'a', Buffer.concat([COMPONENT, Buffer.of(0)]))
  expect(transpiled).toBe(3)
})

test('What is kept on disk is not kept in memory, and is read when it is wanted', async () => {
  const store = await openStore()
  const opened = await open(store, 'a', echo)
  expect(opened).toMatchObject({ form: 'module', bytes: echo })
  const module = await store.keep(opened, Buffer.from('prepared'))
  expect(module).toMatchObject({ form: 'prepared', size: 8, bytes: undefined })
  expect(store.bytesOf({ module } as Release)).toEqual(Buffer.from('prepared'))
  store.forget({ module } as Release)
})

test('Without a cache the prepared bytes take the place of the published ones', async () => {
  const store = new ModuleStore(undefined, { version: '', transpile: () => Promise.reject(new Error('none')) })
  const opened = await open(store, 'a', echo)
  expect(await store.keep(opened, undefined)).toMatchObject({ form: 'module', bytes: echo })
  const batch = Buffer.from('..prepared..')
  const module = await store.keep(opened, batch.subarray(2, 10))
  expect(module).toMatchObject({ form: 'prepared', size: 8, cached: undefined })
  batch.fill(0)
  expect(Buffer.from(store.bytesOf({ module } as Release)!).toString()).toBe('prepared')
})

test.skipIf(process.platform !== 'linux')(
  'A hundred small actors in one sandbox take little memory (needs Linux)',
  async () => {
    await using host = await openHost({ cacheDirectory: directory })
    const one = async (_: unknown, i: number) => {
      const bytes = await actor(numbers(1), { fields: data(64, `actor ${i}`) })
      await host.load(image(`actor-${i}`, bytes, { digest: `${i}` }))
      await ask(host, `actor-${i}`)
    }
    await Promise.all(Array.from({ length: 100 }, one))
    const status = await readFile(`/proc/${host.sandboxes()[0]!.pid}/status`, 'utf8')
    expect(Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024).toBeLessThan(300)
  },
)
