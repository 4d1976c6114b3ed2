import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProviderSupervisor } from '../supervisor.ts'
import { ask, isRefused, openWorkbench, type Workbench } from '../testing/open-providers.fixture.ts'

let bench: Workbench
let supervisor: ProviderSupervisor
beforeAll(async () => {
  bench = await openWorkbench('extras')
  supervisor = bench.supervise()
  await supervisor.load(bench.image('extras', { grants: ['node:sqlite'] }))
})
afterAll(async () => {
  await supervisor?.[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const flags = { guid: false, sequence: false, random: false, min: 0, max: 0 }
const extras = (operation: string, request: unknown, asked = {}) =>
  ask(supervisor, operation, request, { capability: 'wascc:extras', ...asked }) as Promise<Record<string, unknown>>

test('GUIDs are of version 4, and each another', async () => {
  const made = await Promise.all(Array.from({ length: 20 }, () => extras('RequestGuid', { ...flags, guid: true })))
  for (const { guid, ...rest } of made) {
    expect(guid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(rest).toEqual({ sequenceNumber: 0, randomNumber: 0 })
  }
  expect(new Set(made.map(({ guid }) => guid)).size).toBe(20)
})

test('A random number is at least min and below max', async () => {
  const random = async (min: number, max: number) =>
    (await extras('RequestRandom', { ...flags, random: true, min, max }))['randomNumber']
  const drawn = await Promise.all(Array.from({ length: 200 }, () => random(3, 6)))
  expect(new Set(drawn)).toEqual(new Set([3, 4, 5]))
  expect(await random(2 ** 32 - 2, 2 ** 32 - 1)).toBe(2 ** 32 - 2)
  for (const [min, max] of [
    [5, 5],
    [6, 5],
    [-1, 5],
    [0, 2 ** 32],
    [0.5, 2],
  ])
    await isRefused(random(min!, max!), 'provider/malformed-payload', `${min} ${max}`)
})

test('A sequence counts from 1 for each actor and binding, and goes on after the process was killed', async () => {
  const next = async (asked = {}) =>
    (await extras('RequestSequence', { ...flags, sequence: true }, asked))['sequenceNumber']
  expect([await next(), await next(), await next()]).toEqual([1, 2, 3])
  expect(await next({ actor: 'other' })).toBe(1)
  expect(await next({ binding: 'other' })).toBe(1)
  process.kill(supervisor.list()[0]!.pid!, 'SIGKILL')
  await expect.poll(() => supervisor.list()[0]!.restarts).toBe(1)
  expect(await next()).toBe(4)
})

test('Early actors ask by position, and are answered so', async () => {
  expect(await extras('RequestSequence', [false, true, false, 0, 0], { actor: 'early' })).toEqual([null, 1, 0])
})
