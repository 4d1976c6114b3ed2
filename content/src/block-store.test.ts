import { execFileSync } from 'node:child_process'
import { readdir, readFile, truncate, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CID } from 'multiformats/cid'
import { expect } from 'vitest'
import type { BlockStore } from './block-store.ts'
import { blockKey, cidOfRaw } from './cid.ts'
import { someBytes, test } from './scratch.fixture.ts'

const code = (code: string) => expect.objectContaining({ name: 'TeapotError', code })

const fileOf = (dir: string, cid: CID) => join(dir, 'blocks', blockKey(cid).slice(-2), blockKey(cid))

async function put(store: BlockStore, sizeBytes: number, seed: number): Promise<CID> {
  const bytes = someBytes(sizeBytes, seed)
  return store.put(cidOfRaw(bytes), bytes)
}

const damages: [string, (path: string) => Promise<void>][] = [
  ['a flipped bit', async (path) => writeFile(path, Buffer.from(await readFile(path)).fill(0xff, 3, 4))],
  ['a cut end', (path) => truncate(path, 50)],
  ['nothing left in it', (path) => truncate(path, 0)],
  ['bytes added', (path) => writeFile(path, new Uint8Array(1), { flag: 'a' })],
]
for (const [what, damage] of damages) {
  test(`a block with ${what} on disk is never served, is reported, and can be stored anew`, async ({ scratch }) => {
    const store = await scratch.store()
    const cid = await put(store, 100, 1)
    await damage(fileOf(store.dir, cid))
    expect(await store.read(cid)).toBeUndefined()
    expect(scratch.events).toEqual([{ type: 'content/corrupt', name: cid.toString() }])
    expect(store.has(cid)).toBe(false)
    expect(store.usage()).toMatchObject({ blocks: 0, usedBytes: 0 })
    await put(store, 100, 1)
    expect(await store.read(cid)).toEqual(someBytes(100, 1))
  })
}

test('a block whose file is gone is absent', async ({ scratch }) => {
  const store = await scratch.store()
  const cid = await put(store, 100, 1)
  await unlink(fileOf(store.dir, cid))
  expect(await store.read(cid)).toBeUndefined()
  const reading = async () => {
    for await (const bytes of store.get(cid)) expect(bytes).toBeUndefined()
  }
  await expect(reading()).rejects.toMatchObject({ name: 'NotFoundError' })
})

test('bytes are never stored under a CID that is not theirs', async ({ scratch }) => {
  const store = await scratch.store()
  const cid = cidOfRaw(someBytes(10))
  await expect(store.put(cid, someBytes(11))).rejects.toEqual(code('content/hash-mismatch'))
  expect(store.has(cid)).toBe(false)
})

test('a block above 2 MiB is refused', async ({ scratch }) => {
  const store = await scratch.store()
  await put(store, 2 ** 21, 1)
  await expect(put(store, 2 ** 21 + 1, 1)).rejects.toEqual(code('content/too-large'))
})

test('over quota the least recently used block makes room', async ({ scratch }) => {
  const store = await scratch.store(300)
  const [a, b, c] = [await put(store, 100, 1), await put(store, 100, 2), await put(store, 100, 3)]
  await store.read(a)
  const d = await put(store, 100, 4)
  expect([a, b, c, d].map((cid) => store.has(cid))).toEqual([true, false, true, true])
  expect(scratch.events).toEqual([{ type: 'content/evicted', name: b.toString(), sizeBytes: 100 }])
  expect(store.usage()).toMatchObject({ usedBytes: 300, blocks: 3 })
  await expect(readFile(fileOf(store.dir, b))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('pinned blocks are never evicted; when they fill the quota, storing is refused and nothing is lost', async ({
  scratch,
}) => {
  const store = await scratch.store(300)
  const [a, b] = [await put(store, 100, 1), await put(store, 100, 2)]
  await store.pin(a, [b])
  const c = await put(store, 100, 3)
  await expect(put(store, 101, 4)).rejects.toEqual(code('content/quota-exceeded'))
  expect([a, b, c].map((cid) => store.has(cid))).toEqual([true, true, true])
  await put(store, 100, 5)
  expect([a, b, c].map((cid) => store.has(cid))).toEqual([true, true, false])
  await expect(store.delete(b)).rejects.toEqual(code('content/pinned'))
})

test('a block in two pins stays until both are gone', async ({ scratch }) => {
  const store = await scratch.store(300)
  const [a, b, shared] = [await put(store, 100, 1), await put(store, 100, 2), await put(store, 100, 3)]
  await store.pin(a, [shared])
  await store.pin(b, [shared])
  await store.unpin(a)
  await put(store, 100, 4)
  expect([a, b, shared].map((cid) => store.has(cid))).toEqual([false, true, true])
  await store.unpin(b)
  await put(store, 300, 5)
  expect(store.has(shared)).toBe(false)
})

test('what is held is not evicted until the hold ends', async ({ scratch }) => {
  const store = await scratch.store(200)
  const a = await put(store, 200, 1)
  {
    using hold = store.hold()
    hold.add(a)
    await expect(put(store, 1, 2)).rejects.toEqual(code('content/quota-exceeded'))
  }
  await put(store, 1, 2)
  expect(store.has(a)).toBe(false)
})

test('blocks, pins and the order of use survive a restart', async ({ scratch }) => {
  const dir = await scratch.dir()
  const first = await scratch.store(300, dir)
  const [a, b, c] = [await put(first, 100, 1), await put(first, 100, 2), await put(first, 100, 3)]
  await first.pin(a, [])
  await utimes(fileOf(dir, b), 2_000, 2_000)
  await utimes(fileOf(dir, c), 1_000, 1_000)
  const store = await scratch.store(300, dir)
  expect(store.usage()).toMatchObject({ usedBytes: 300, blocks: 3, neededBytes: 100, pins: [a.toString()] })
  await store.read(c)
  const again = await scratch.store(300, dir)
  await put(again, 100, 4)
  expect([a, b, c].map((cid) => again.has(cid))).toEqual([true, false, true])
  expect(await again.read(a)).toEqual(someBytes(100, 1))
})

test('a smaller quota takes effect at start', async ({ scratch }) => {
  const dir = await scratch.dir()
  const first = await scratch.store(300, dir)
  for (const seed of [1, 2, 3]) await put(first, 100, seed)
  expect((await scratch.store(150, dir)).usage()).toMatchObject({ usedBytes: 100, blocks: 1 })
})

test('what an interrupted write or a stranger left in the folder is no block', async ({ scratch }) => {
  const dir = await scratch.dir()
  const first = await scratch.store(1_000, dir)
  const a = await put(first, 100, 1)
  await first.pin(a, [])
  await writeFile(join(dir, 'tmp', 'half'), 'half')
  await writeFile(join(dir, 'blocks', blockKey(a).slice(-2), 'stray'), 'x')
  await writeFile(join(dir, 'blocks', 'stray'), 'x')
  await writeFile(join(dir, 'pins', cidOfRaw(someBytes(1)).toString()), 'cut in the mid')
  const store = await scratch.store(1_000, dir)
  expect(store.usage()).toMatchObject({ blocks: 1, usedBytes: 100, pins: [a.toString()] })
  expect(await readdir(join(dir, 'tmp'))).toEqual([])
  expect(scratch.events).toEqual([{ type: 'content/corrupt', name: cidOfRaw(someBytes(1)).toString() }])
})

test('the same block stored many times at once is counted once', async ({ scratch }) => {
  const store = await scratch.store(1_000)
  await Promise.all(Array.from({ length: 8 }, () => put(store, 100, 1)))
  expect(store.usage()).toMatchObject({ usedBytes: 100, blocks: 1 })
})

test('blocks stored and evicted at once leave index and files in agreement', async ({ scratch }) => {
  const store = await scratch.store(500)
  const seeds = Array.from({ length: 120 }, (_, i) => i % 12)
  const outcomes = await Promise.allSettled(seeds.map((seed) => put(store, 100, seed)))
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toEqual(code('content/quota-exceeded'))
  }
  const kept = []
  for await (const { cid } of store.getAll()) kept.push(cid.toString())
  expect(store.usage()).toMatchObject({ blocks: kept.length, usedBytes: kept.length * 100 })
  const files = await Promise.all(
    (await readdir(join(store.dir, 'blocks'))).map((s) => readdir(join(store.dir, 'blocks', s))),
  )
  expect(files.flat()).toHaveLength(kept.length)
  expect(scratch.events.filter(({ type }) => type === 'content/corrupt')).toEqual([])
})

test('a folder that cannot be one is a fault with a name', async ({ scratch }) => {
  const dir = await scratch.dir()
  await writeFile(join(dir, 'file'), '')
  await expect(scratch.store(1, join(dir, 'file'))).rejects.toEqual(code('content/store-failed'))
})

const canMount = (() => {
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], { stdio: 'ignore' })
    return true
  } catch {
    console.warn('SKIPPED: the test of a full disk needs the right to mount a tmpfs (root, unshare -m)')
    return false
  }
})()

test.skipIf(!canMount)(
  'a full disk refuses the block, leaves no trace of it, and loses nothing',
  async ({ scratch }) => {
    const fixture = fileURLToPath(new URL('full-disk.fixture.ts', import.meta.url))
    const script = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" "$3" "$1"'
    const told = execFileSync('unshare', [
      '-m',
      'sh',
      '-c',
      script,
      'sh',
      await scratch.dir(),
      process.execPath,
      fixture,
    ])
    expect(JSON.parse(told.toString())).toEqual({
      code: 'content/disk-full',
      stored: 5,
      readable: 5,
      usedBytes: 1_000_000,
      leftovers: 0,
      works: true,
    })
  },
)
