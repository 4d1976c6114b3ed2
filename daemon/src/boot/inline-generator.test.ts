import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createHost } from '@teapot-network/host'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildModule, IMAGE_ENTRIES } from './build-image.ts'
import { inlineGenerator } from './inline-generator.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
/** A component whose function `run` answers 42. */
const COMPONENT = Buffer.from(
  '0061736d0d00010001220061736d010000000105016000017f03020100070501016600000a06010400412a0b' +
    '0204010000000705014000007906070100000100016608060100000000000b0901000372756e010000',
  'hex',
)
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-generator-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const bundle = (name: string, place: string) =>
  buildModule({ source: IMAGE_ENTRIES[name]!, outFile: join(folder, place, name) })

test('The transpiler is one file, the same each time, with nothing of where it was made', async () => {
  await Promise.all(['a', 'b'].map((place) => bundle('transpiler.mjs', place)))
  const [a, b] = await Promise.all(['a', 'b'].map((place) => readFile(join(folder, place, 'transpiler.mjs'), 'utf8')))
  expect(a).toBe(b)
  expect(a).not.toContain(ROOT)
  expect(a).not.toMatch(/from\s*['"]@bytecodealliance/)
})

test('A component runs on the bundles of an image', async () => {
  await mkdir(join(folder, 'image'), { recursive: true })
  await Promise.all(['transpiler.mjs', 'sandbox.mjs'].map((name) => bundle(name, 'image')))
  await using host = await createHost({
    nodePath: process.execPath,
    sandboxEntry: join(folder, 'image', 'sandbox.mjs'),
    transpilerEntry: join(folder, 'image', 'transpiler.mjs'),
    invoke: async () => new Uint8Array(0),
    limits: { loadMs: 60_000, startMs: 60_000, deadlineMs: 30_000 },
  })
  const release = { name: 'answer', publisher: '0xa11ce', version: 1, digest: 'answer-1', grants: [] }
  await host.load({ ...release, bytes: COMPONENT })
  const { payload } = await host.call({ actor: 'answer', operation: 'run', payload: new Uint8Array(0) })
  expect(Buffer.from(payload).toString()).toBe('42')
})

test('A generator that loads its code in another way than is known is no part of a bundle', async () => {
  await writeFile(join(folder, 'js-component-bindgen-component.js'), 'export const generate = 1')
  const building = build({
    entryPoints: [join(folder, 'js-component-bindgen-component.js')],
    plugins: [inlineGenerator(ROOT)],
    bundle: true,
    write: false,
    logLevel: 'silent',
  })
  await expect(building).rejects.toThrow('load WebAssembly files in the known way')
})
