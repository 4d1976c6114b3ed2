import { setTimeout as sleep } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { expect } from 'vitest'
import type { BlockStore } from './block-store.ts'
import { cidOfRaw } from './cid.ts'
import { readWhole, resolveEntry } from './dag.ts'
import { fileBlock, Scratch, someBytes, test } from './scratch.fixture.ts'

type Part = Parameters<typeof fileBlock>[0][number]

/** A store that counts how many blocks were read from it, and what makes files in it. */
async function counting(scratch: Scratch) {
  const store = await scratch.store()
  let reads = 0
  const get: BlockStore['get'] = (cid, options) => {
    reads++
    return store.get(cid, options)
  }
  const leaf = async (bytes: Uint8Array, claims = bytes.length): Promise<Part> => {
    await store.put(cidOfRaw(bytes), bytes)
    return { cid: cidOfRaw(bytes), claims }
  }
  const over = async (parts: Part[]): Promise<Part> => {
    const { cid, bytes } = fileBlock(parts)
    await store.put(cid, bytes)
    return { cid, claims: parts.reduce((sum, { claims }) => sum + claims, 0) }
  }
  const open = async (cid: CID) => {
    const file = await resolveEntry({ get } as BlockStore, cid, [])
    if (file.kind !== 'file') throw new Error('no file')
    return file
  }
  return { leaf, over, open, reads: () => reads }
}

test('a file is read no sooner than it is asked for, so that who reads slowly, or stops, holds one block of it', async ({
  scratch,
}) => {
  const { leaf, over, open, reads } = await counting(scratch)
  const { cid } = await over(new Array(500).fill(await leaf(someBytes(1_000))))
  const chunks = (await open(cid)).content()[Symbol.asyncIterator]()
  expect((await chunks.next()).value).toEqual(someBytes(1_000))
  await sleep(100)
  expect(reads()).toBe(2)
})

test('parts that hold nothing are not opened, however many there are of them', async ({ scratch }) => {
  const { leaf, over, open, reads } = await counting(scratch)
  let hollow = await leaf(new Uint8Array())
  for (let level = 0; level < 12; level++) hollow = await over(new Array(100).fill(hollow))
  const tea = await leaf(Buffer.from('tea'))
  const { cid } = await over([tea, hollow, await over([hollow, tea]), hollow])
  expect(Buffer.from(await readWhole(await open(cid), 100)).toString()).toBe('teatea')
  expect(reads()).toBe(4)
})

test.each([
  ['more', 1_001],
  ['less', 999],
])('a part that is said to hold %s than it does is refused', async (_, claims) => {
  await using scratch = new Scratch()
  const { leaf, over, open } = await counting(scratch)
  for (const part of [
    await leaf(someBytes(1_000), claims),
    { ...(await over([await leaf(someBytes(1_000))])), claims },
  ]) {
    const { cid } = await over([part])
    await expect(readWhole(await open(cid), 2_000)).rejects.toMatchObject({ code: 'content/malformed' })
  }
})

test('a file of blocks on blocks without end is refused', async ({ scratch }) => {
  const { leaf, over, open } = await counting(scratch)
  let part = await leaf(someBytes(10))
  for (let level = 0; level < 70; level++) part = await over([part])
  await expect(readWhole(await open(part.cid), 100)).rejects.toMatchObject({ code: 'content/malformed' })
})
