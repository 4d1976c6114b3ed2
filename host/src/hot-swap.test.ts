import { expect, test } from 'vitest'
import type { ActorRelease } from './host-error.ts'
import { echo, forwarding, versionOf } from './testing/build-module.ts'
import { hostOfFile } from './testing/host-of-file.fixture.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

const host = await hostOfFile({
  limits: { lanes: 2 },
  invoke: (_, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('ended')))),
})

const load = async (version: number) =>
  host.load(image('swapped', await versionOf(version), { version, digest: `${version}` }))

test('Ten swaps under the load of 32 callers fail no call, and none begins on a version that was replaced', async () => {
  await load(1)
  let current = 1
  let running = true
  let answers = 0
  const callers = Array.from({ length: 32 }, async () => {
    for (; running; answers++) {
      const atLeast = current
      expect(Number(await ask(host, 'swapped'))).toBeGreaterThanOrEqual(atLeast)
    }
  })
  for (let version = 2; version <= 11; version++) {
    const before = answers
    await load(version)
    current = version
    expect(Number(await ask(host, 'swapped'))).toBe(version)
    await expect.poll(() => answers).toBeGreaterThan(before + 32)
  }
  running = false
  await Promise.all(callers)
  expect(host.list().filter(({ name }) => name === 'swapped')).toMatchObject([{ version: 11, active: 0 }])
})

test('A downgrade in the midst of calls is refused, and they go on', async () => {
  const calls = Promise.all(Array.from({ length: 50 }, () => ask(host, 'swapped')))
  expect((await refusal(load(10))).code).toBe('host/version-rollback')
  expect(await calls).toEqual(Array(50).fill('11'))
})

test('A version that began to load before a newer one was there, and is ready after it, is refused', async () => {
  const newerIsLoaded = Promise.withResolvers<void>()
  const holdsBackVersion2 = {
    name: 'gate',
    onLoad: ({ version }: ActorRelease) => (version === 2 ? newerIsLoaded.promise : undefined),
  }
  await using gated = await openHost({ hooks: [holdsBackVersion2] })
  const overtaken = refusal(gated.load(image('raced', await versionOf(2), { version: 2, digest: '2' })))
  await gated.load(image('raced', await versionOf(3), { version: 3, digest: '3' }))
  newerIsLoaded.resolve()
  expect((await overtaken).code).toBe('host/version-rollback')
  expect(await ask(gated, 'raced')).toBe('03')
})

test('Calls under way end on the version that they began with', async () => {
  const grants = { grants: ['wascc:keyvalue'] }
  await host.load(image('held', await forwarding('wascc:keyvalue'), grants))
  const held = host.call({ actor: 'held', operation: 'never', payload: Buffer.alloc(0), deadlineMs: 400 })
  const refused = refusal(held)
  await host.load(image('held', echo, { version: 2, digest: 'two' }))
  expect(await ask(host, 'held', 'new')).toBe('new')
  expect((await refused).release).toMatchObject({ version: 1 })
})

test('The same release loaded again alike is not loaded again; with other grants it takes them over', async () => {
  await host.load(image('same', await forwarding('wascc:keyvalue'), { grants: ['wascc:keyvalue'] }))
  await host.load(image('same', await forwarding('wascc:keyvalue'), { grants: ['wascc:keyvalue'] }))
  await host.load(image('same', await forwarding('wascc:keyvalue'), { grants: [] }))
  expect((await refusal(ask(host, 'same'))).code).toBe('host/capability-denied')
})
