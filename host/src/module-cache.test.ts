import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cacheName, ModuleCache } from './module-cache.ts'
import { echo, failing, silent } from './testing/build-module.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-cache-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const key = Buffer.alloc(32, 7)
const openCache = (more: { maxBytes?: number; key?: Uint8Array | undefined } = {}) =>
  ModuleCache.open({ directory, maxBytes: 10_000, key, ...more })
const nameOf = (text: string) => cacheName({ text })
const body = (text: string) => Buffer.from(text)

test('What was put in is found again, also by the next host with the same key', async () => {
  const cache = await openCache()
  expect(cache.get(nameOf('a'))).toBeUndefined()
  expect(await cache.put(nameOf('a'), body('prepared'))).toBe(true)
  expect(cache.get(nameOf('a'))).toEqual(body('prepared'))
  expect((await openCache()).get(nameOf('a'))).toEqual(body('prepared'))
})

test('Without a key, or with another, nothing of before is taken', async () => {
  await (await openCache()).put(nameOf('a'), body('prepared'))
  expect((await openCache({ key: Buffer.alloc(32, 8) })).get(nameOf('a'))).toBeUndefined()
  await (await openCache()).put(nameOf('a'), body('prepared'))
  expect((await openCache({ key: undefined })).get(nameOf('a'))).toBeUndefined()
  expect(await readdir(directory)).toEqual([])
})

test('A file that was changed, cut short, emptied or put under another name does not count, and is removed', async () => {
  const [a, b] = [nameOf('a'), nameOf('b')]
  const cache = await openCache()
  await cache.put(b, body('of b'))
  const damages: ((file: Buffer) => Buffer | Promise<Buffer>)[] = [
    (file) => Buffer.concat([file.subarray(0, -1), Buffer.of(file.at(-1)! ^ 1)]),
    (file) => Buffer.concat([Buffer.of(file[0]! ^ 1), file.subarray(1)]),
    (file) => file.subarray(0, 20),
    () => Buffer.alloc(0),
    () => readFile(join(directory, b)),
  ]
  for (const damage of damages) {
    await cache.put(a, body('prepared'))
    const path = join(directory, a)
    await writeFile(path, await damage(await readFile(path)))
    expect(cache.get(a)).toBeUndefined()
    expect(cache.has(a)).toBe(false)
    expect(await readdir(directory)).toEqual([b])
  }
})

test('The file unused for longest makes room, and one that is held does not', async () => {
  const cache = await openCache({ maxBytes: 3 * 132 })
  const names = ['a', 'b', 'c', 'd', 'e'].map(nameOf)
  const [a, b, c, d, e] = names as [string, string, string, string, string]
  for (const name of [a, b, c]) await cache.put(name, Buffer.alloc(100))
  cache.get(a)
  cache.hold(b)
  await cache.put(d, Buffer.alloc(100))
  expect(names.filter((name) => cache.has(name))).toEqual([a, b, d])
  cache.release(b)
  cache.get(a)
  await cache.put(e, Buffer.alloc(100))
  expect(names.filter((name) => cache.has(name))).toEqual([a, d, e])
  expect((await readdir(directory)).sort()).toEqual([a, d, e].sort())
})

test('What does not fit beside what is held is not taken', async () => {
  const cache = await openCache({ maxBytes: 300 })
  await cache.put(nameOf('a'), Buffer.alloc(100))
  cache.hold(nameOf('a'))
  expect(await cache.put(nameOf('b'), Buffer.alloc(200))).toBe(false)
  expect(cache.get(nameOf('a'))).toBeDefined()
  expect(await cache.put(nameOf('c'), Buffer.alloc(400))).toBe(false)
})

test('A disk that refuses costs the cache, not the load', async () => {
  const cache = await openCache()
  await rm(directory, { recursive: true })
  expect(await cache.put(nameOf('a'), body('prepared'))).toBe(false)
})

test('Any bytes come back as they were, and any other file under their name does not', async () => {
  const cache = await openCache({ maxBytes: 1 << 20 })
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), async (bytes, forged) => {
      const name = cacheName({ random: randomBytes(8).toString('hex') })
      await cache.put(name, bytes)
      expect(Uint8Array.from(cache.get(name)!)).toEqual(bytes)
      await writeFile(join(directory, name), forged)
      expect(cache.get(name)).toBeUndefined()
    }),
    { numRuns: 50 },
  )
})

test('Names tell apart all that a module was made from', () => {
  expect(cacheName({ a: '1', b: '2' })).toBe(cacheName({ b: '2', a: '1' }))
  const names = [{ a: '1' }, { a: '2' }, { b: '1' }, { a: '1', b: '' }, { 'a,1': '' }].map(cacheName)
  expect(new Set(names).size).toBe(names.length)
})

test('A host prepares a module once, and sends what it kept to the next sandbox and the next host', async () => {
  const cache = { cacheDirectory: directory, cacheKey: key }
  {
    await using host = await openHost(cache)
    await host.load(image('echo', echo))
    expect(await readdir(directory)).toHaveLength(1)
    process.kill(host.sandboxes()[0]!.pid!, 'SIGKILL')
    expect(await ask(host, 'echo', 'again')).toBe('again')
  }
  await using host = await openHost(cache)
  await host.load(image('echo', echo))
  expect(await ask(host, 'echo', 'and again')).toBe('and again')
  expect(await readdir(directory)).toHaveLength(1)
  await host.load(image('echo', echo, { name: 'other', publisher: '0xb0b' }))
  expect(await readdir(directory)).toHaveLength(2)
})

test('A module that the cache lost is unknown to the host, and works when it is loaded again', async () => {
  await using host = await openHost({ cacheDirectory: directory })
  await host.load(image('echo', echo))
  const [file] = await readdir(directory)
  await writeFile(join(directory, file!), 'something else')
  process.kill(host.sandboxes()[0]!.pid!, 'SIGKILL')
  expect(await refusal(ask(host, 'echo', 'x'))).toMatchObject({ code: 'host/unknown-actor', kind: 'unavailable' })
  expect(host.list()).toEqual([])
  await host.load(image('echo', echo))
  expect(await ask(host, 'echo', 'x')).toBe('x')
})

test('A sandbox keeps no more modules than the limit, and the others work all the same', async () => {
  await using host = await openHost({ cacheDirectory: directory, limits: { modules: 3 } })
  const names = Array.from({ length: 12 }, (_, i) => `actor-${i}`)
  for (const [i, name] of names.entries())
    await host.load(image(name, i % 2 === 0 ? silent : failing, { digest: name }))
  for (let round = 0; round < 2; round++)
    for (const [i, name] of names.entries()) {
      if (i % 2 === 0) expect(await ask(host, name)).toBe('')
      else expect((await refusal(ask(host, name))).code).toBe('host/actor-error')
    }
  const all = await Promise.allSettled(names.map((name) => ask(host, name)))
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(6)
})
