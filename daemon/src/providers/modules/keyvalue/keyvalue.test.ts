import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, isRefused, openWorkbench, type Workbench } from '../../testing/open-providers.fixture.ts'
import { countUnderFire, itBehavesLikeKeyvalue } from './keyvalue.behavior.ts'
import { openSqliteStore } from './sqlite-store.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench('keyvalue')
})
afterAll(() => bench[Symbol.asyncDispose]())

const open = async (options = {}) => {
  const supervisor = bench.supervise(options)
  await supervisor.load(bench.image('keyvalue', { grants: ['node:sqlite'] }))
  return supervisor
}

describe('Key-value on SQLite', () => itBehavesLikeKeyvalue(open))

test('A process that is killed in mid-call is started again, and no addition is lost or made twice', async () => {
  await using supervisor = await open({ limits: { backoffMs: 1, maxBackoffMs: 20 } })
  const kill = () => {
    const { pid } = supervisor.list()[0]!
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  }
  const { answered, unknown, stored } = await countUnderFire(supervisor, {}, kill)
  expect(stored).toBeGreaterThanOrEqual(answered)
  expect(stored).toBeLessThanOrEqual(answered + unknown)
  expect(supervisor.list()[0]!.restarts).toBeGreaterThan(0)
}, 300_000)

test('What one actor keeps is limited, all its bindings, buckets, lists and sets together, and freed by deleting', async () => {
  await using supervisor = await open({ operator: { keyvalue: { quotaBytes: 10_000 } } })
  const put = (key: string, size: number, asked = {}) =>
    ask(supervisor, 'Set', { key, value: 'x'.repeat(size), expires: 0 }, asked)
  const full = { code: 'provider/quota-exceeded', message: expect.stringMatching(/10000 bytes/) }
  await put('a', 4_000)
  await put('a', 5_000, { binding: 'other' })
  await isRefused(put('b', 4_000), full)
  expect(await ask(supervisor, 'Get', { key: 'b' })).toMatchObject({ exists: false })
  await isRefused(ask(supervisor, 'Push', { key: 'l', value: 'x'.repeat(4_000) }), full)
  await isRefused(ask(supervisor, 'SetAdd', { key: 's', value: 'x'.repeat(4_000) }), full)
  const bucket = ['other', 'k', new Uint8Array(4_000)]
  await isRefused(ask(supervisor, 'store.set', bucket, { capability: 'wasi:keyvalue' }), full)
  await put('b', 4_000, { actor: 'neighbour' })
  await put('a', 10)
  await put('b', 4_000)
  for (let i = 0; i < 20; i++) await put('b', 3_000 + i)
  await ask(supervisor, 'Del', { key: 'b' })
  await ask(supervisor, 'Push', { key: 'l', value: 'x'.repeat(4_000) })
  await ask(supervisor, 'Clear', { key: 'l' })
  await put('b', 4_000)
})

test('What has expired goes with the writes that follow, a part with each, whether they are refused or not', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'teapot-expired-'))
  const path = join(directory.path, 'store')
  const store = openSqliteStore(path, 6_000_000)
  const names = Array.from({ length: 25_000 }, (_, i): [string, Uint8Array] => [`k${i}`, Uint8Array.of(1)])
  await store.set('["hoarder"]', names, 1)
  using database = new DatabaseSync(path)
  const rows = () => Number(database.prepare('SELECT count(*) AS n FROM texts').get()!['n'])
  await expect.poll(() => store.get('["hoarder"]', ['k24999'])).toEqual([undefined])
  const write = (size: number) => store.set('["neighbour"]', [['k', new Uint8Array(size)]], 0)
  expect(rows()).toBe(25_000)
  expect(() => write(7_000_000)).toThrow(/7000/)
  expect(rows()).toBe(15_000)
  for (const left of [5_001, 1]) {
    await write(1)
    expect(rows()).toBe(left)
  }
  store.close()
})
