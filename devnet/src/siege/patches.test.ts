import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildModule } from '@teapot-network/daemon/build-image'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { alterFile, ONE_BYTE, type Patch } from '../attacks/alter-file.ts'
import { PATCHES } from './patches.ts'

let folder: string
let daemon: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-patches-'))
  daemon = join(folder, 'daemon.mjs')
  await buildModule({ source: 'daemon/src/main.ts', outFile: daemon })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const all: [string, readonly Patch[]][] = [['oneByte', ONE_BYTE], ...Object.entries(PATCHES)]

test.each(all)('what liars change still stands in the built daemon, once: %s', async (name, patches) => {
  const file = join(folder, `${name}.mjs`)
  await copyFile(daemon, file)
  await alterFile(file, patches)
  const [before, after] = await Promise.all([daemon, file].map((path) => readFile(path, 'utf8')))
  expect(after).not.toBe(before)
})

test.each([['none of it'], ['this and this']])(
  'a file that holds %s, not the one wanted, is refused and left alone',
  async (text) => {
    const file = join(folder, 'other.mjs')
    await writeFile(file, text)
    await expect(alterFile(file, [[/this/, 'that']])).rejects.toThrow(/once in .*other\.mjs/)
    expect(await readFile(file, 'utf8')).toBe(text)
  },
)
