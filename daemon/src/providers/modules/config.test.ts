import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProviderSupervisor } from '../supervisor.ts'
import { ask, isRefused, openWorkbench, refusal, type Workbench } from '../testing/open-providers.fixture.ts'

let bench: Workbench
let supervisor: ProviderSupervisor
let secretsFile: string
beforeAll(async () => {
  bench = await openWorkbench('config')
  secretsFile = join(bench.folder, 'secrets.json')
  writeFileSync(secretsFile, JSON.stringify({ shop: { stripe: 'sk_1', odd: 5 }, other: { mine: 'x' } }), {
    mode: 0o600,
  })
  supervisor = bench.supervise({ secretsFile })
  await supervisor.load(bench.image('config'))
})
afterAll(async () => {
  await supervisor?.[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const get = (key: string, settings: Record<string, string>, asked = {}) =>
  ask(supervisor, 'store.get', [key], { capability: 'wasi:config', actor: 'shop', settings, ...asked })

test('The settings of a binding are its configuration', async () => {
  const settings = { b: '2', a: '1' }
  expect(await get('a', settings)).toBe('1')
  expect(await get('c', settings)).toBeNull()
  expect(await get('constructor', settings)).toBeNull()
  expect(await ask(supervisor, 'store.get-all', [], { capability: 'wasi:config', settings })).toEqual([
    ['a', '1'],
    ['b', '2'],
  ])
  expect(await ask(supervisor, 'store.get-all', [], { capability: 'wasi:config' })).toEqual([])
})

test('A secret is named in the settings, and filled in from the file of the owner for that actor alone', async () => {
  expect(await get('key', { key: 'secret:stripe', plain: 'x' })).toBe('sk_1')
  const unknown = { code: 'provider/unknown-secret' }
  await isRefused(get('key', { key: 'secret:stripe' }, { actor: 'other' }), unknown)
  await isRefused(get('key', { key: 'secret:stripe' }, { actor: 'nobody' }), unknown)
  for (const name of ['', 'odd', 'nothing', 'constructor', '__proto__'])
    await isRefused(get('key', { key: `secret:${name}` }), unknown, name)
  await isRefused(get('key', { key: 'secret:x' }, { actor: '__proto__' }), unknown)
})

test('A secret that was changed is the new one from then on', async () => {
  writeFileSync(secretsFile, JSON.stringify({ shop: { stripe: 'sk_222' } }))
  expect(await get('key', { key: 'secret:stripe' })).toBe('sk_222')
})

test('A file that others may read, that is of somebody else, or that is no JSON is refused, and not quoted', async () => {
  const unsafe = { code: 'provider/unsafe-secrets', kind: 'fault' }
  for (const mode of [0o644, 0o640, 0o604, 0o620]) {
    chmodSync(secretsFile, mode)
    await isRefused(get('key', { key: 'secret:stripe' }), unsafe, mode.toString(8))
  }
  chmodSync(secretsFile, 0o600)
  expect(await get('key', { key: 'secret:stripe' })).toBe('sk_222')
  writeFileSync(secretsFile, '{"shop": hunter2}')
  const refused = await refusal(get('key', { key: 'secret:stripe' }))
  expect(refused).toMatchObject(unsafe)
  expect(refused.message).not.toMatch(/hunter2/)
  if (process.getuid?.() !== 0) return
  chownSync(secretsFile, 12_345, 12_345)
  await isRefused(get('key', { key: 'secret:stripe' }), unsafe)
  chownSync(secretsFile, 0, 0)
})

test('Without a file there is no secret', async () => {
  await using bare = bench.supervise()
  await bare.load(bench.image('config'))
  const asked = { capability: 'wasi:config', settings: { key: 'secret:stripe' } }
  await isRefused(ask(bare, 'store.get', ['key'], asked), 'provider/unknown-secret')
})
