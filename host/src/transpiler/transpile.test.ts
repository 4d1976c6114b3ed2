import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Confinement } from '../confinement/confined-program.ts'
import { createConfinement } from '../confinement/confinement.ts'
import { DEFAULT_LIMITS, type HostLimits } from '../limits.ts'
import { refusal } from '../testing/open-host.ts'
import { componentFixture, parseWat } from '../testing/parse-wat.ts'
import { parseBundle } from './bundle.ts'
import { createTranspiler } from './transpile.ts'

const entry = fileURLToPath(new URL('main.ts', import.meta.url))
/** No machine is so slow, unless a test says so. */
const LIMITS: HostLimits = { ...DEFAULT_LIMITS, transpileMs: 60_000 }
let confinement: Confinement
let actor: Uint8Array
beforeAll(async () => {
  confinement = await createConfinement({ nodePath: process.execPath, isolation: 'best' })
  actor = await componentFixture('actor')
})
afterAll(() => confinement[Symbol.asyncDispose]())

const open = (limits: Partial<HostLimits> = {}) =>
  createTranspiler({ confinement, entry, limits: { ...LIMITS, ...limits } })

async function failureOf(component: Uint8Array | Promise<Uint8Array>, limits: Partial<HostLimits> = {}) {
  await using transpiler = await open(limits)
  return refusal(transpiler.transpile(await component, DEFAULT_LIMITS))
}

test('A component becomes a bundle, the same one each time, from a cold start and from the spare', async () => {
  await using transpiler = await open()
  const first = await transpiler.transpile(actor, DEFAULT_LIMITS)
  const parts = parseBundle(first)
  expect([...parts.keys()]).toEqual(['component.js', 'component.json', 'component.core.wasm', 'component.core2.wasm'])
  expect(JSON.parse(Buffer.from(parts.get('component.json')!).toString())).toEqual({
    imports: ['teapot:actor/host@0.1.0'],
    exports: ['teapot:actor/handler@0.1.0'],
  })
  expect(await transpiler.transpile(actor, DEFAULT_LIMITS)).toEqual(first)
})

test('What is kept of a transpiler is known by the release of jco that made it', async () => {
  await using transpiler = await open()
  const { devDependencies } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(transpiler.version).toContain(`jco ${devDependencies['@bytecodealliance/jco-transpile']}`)
})

test('Core modules are held to the limits of their actor', async () => {
  await using transpiler = await open()
  const bundle = await transpiler.transpile(actor, { memoryPages: 3, tableElements: 10 })
  const module = new WebAssembly.Module(parseBundle(bundle).get('component.core.wasm')!)
  const { memory } = new WebAssembly.Instance(module, {}).exports as unknown as {
    memory: { grow(pages: number): number }
  }
  expect(memory.grow(2)).toBe(1)
  expect(() => memory.grow(1)).toThrow(RangeError)
  const small = transpiler.transpile(actor, { memoryPages: 0, tableElements: 10 })
  expect((await refusal(small)).code).toBe('host/bad-module')
})

test('What it refuses is refused with its reason', async () => {
  expect(await failureOf(actor.subarray(0, 600))).toMatchObject({ code: 'host/bad-module', kind: 'refused' })
  expect(await failureOf(parseWat('(component (import "wasi:nn/graph@0.2.0" (instance)))'))).toMatchObject({
    code: 'host/forbidden-import',
    message: expect.stringContaining('found wasi:nn/graph@0.2.0'),
  })
})

test('A component that is too large, becomes too large, or takes too long is refused', async () => {
  expect(await failureOf(actor, { moduleBytes: 100 })).toMatchObject({
    code: 'host/bad-module',
    message: `Expected a component of at most 100 bytes, found ${actor.length}`,
  })
  expect(await failureOf(actor, { bundleBytes: 1_000 })).toMatchObject({
    code: 'host/bad-module',
    message: 'Expected a component whose bundle has at most 1000 bytes, found a larger one',
  })
  expect((await failureOf(actor, { transpileMs: 10 })).code).toBe('host/deadline')
})

test('Whoever gives up is not kept waiting', async () => {
  await using transpiler = await open()
  const reason = new Error('never mind')
  await expect(transpiler.transpile(actor, DEFAULT_LIMITS, AbortSignal.abort(reason))).rejects.toBe(reason)
  const controller = new AbortController()
  const transpiling = transpiler.transpile(actor, DEFAULT_LIMITS, controller.signal)
  controller.abort(reason)
  await expect(transpiling).rejects.toBe(reason)
})

test('A transpiler that ends without an answer is told from a component that is refused', async () => {
  const broken = fileURLToPath(new URL('names.ts', import.meta.url))
  await using transpiler = await createTranspiler({ confinement, entry: broken, limits: LIMITS })
  expect(await refusal(transpiler.transpile(actor, DEFAULT_LIMITS))).toMatchObject({
    code: 'host/sandbox-lost',
    kind: 'unavailable',
  })
})
