import { beforeEach, expect, test } from 'vitest'
import { HostError } from './host-error.ts'
import { actorLimits, DEFAULT_LIMITS } from './limits.ts'
import {
  answersWith,
  busy,
  echo,
  forwarding,
  grow,
  logging,
  overflow,
  overflowWaiting,
  spin,
} from './testing/build-module.ts'
import { hostOfFile } from './testing/host-of-file.fixture.ts'
import { ask, image, refusal } from './testing/open-host.ts'

const KEYVALUE = 'wascc:keyvalue'
const GRANTS = { grants: [KEYVALUE] }
let open: (() => void)[] = []
beforeEach(() => {
  open = []
})
const host = await hostOfFile({
  invoke: ({ payload }) => new Promise((resolve) => open.push(() => resolve(payload))),
})
await host.load(image('neighbour', echo))

/** What a call of an actor with these limits fails with, while its neighbour goes on in the same sandbox. */
async function breach(bytes: Uint8Array, limits: object, payload = '', more = {}): Promise<HostError> {
  await host.load(image('greedy', bytes, { ...GRANTS, version: ++version, digest: `${version}`, limits }))
  const [before] = host.sandboxes()
  const beside = ask(host, 'neighbour', 'beside')
  const error = await ask(host, 'greedy', payload, more).catch((error: unknown) => error)
  expect(await beside).toBe('beside')
  expect(host.sandboxes()).toEqual([before])
  if (!(error instanceof HostError)) throw new Error(`Expected a refusal, found ${error}`)
  expect(error.release).toMatchObject({ name: 'greedy', version })
  return error
}
let version = 0

test('Each limit of an actor has its own error, which names the release, and leaves its neighbour alone', async () => {
  expect((await breach(echo, { payloadBytes: 4 }, 'hello')).code).toBe('host/payload-too-large')
  expect((await breach(await answersWith(0, 100), { responseBytes: 99 })).code).toBe('host/response-too-large')
  expect((await breach(grow, { memoryPages: 20 })).code).toBe('host/out-of-memory')
  expect((await breach(await logging(3), { logLines: 2 }, 'la')).code).toBe('host/log-limit')
  expect((await breach(await logging(3), { logBytes: 5 }, 'la')).code).toBe('host/log-limit')
  for (const bytes of [overflow, overflowWaiting])
    expect(await breach(bytes, {})).toMatchObject({ code: 'host/stack-overflow', kind: 'fault' })
})

test('A call over its fuel ends with what it used', async () => {
  const error = await breach(spin, { fuel: 100_000 })
  expect(error).toMatchObject({ code: 'host/fuel-exhausted', kind: 'fault' })
  expect(error.fuel).toBeGreaterThanOrEqual(100_000)
})

test('An actor is answered within its own deadline, whatever longer one a call asks for', async () => {
  await host.load(
    image('slow', await forwarding(KEYVALUE), { ...GRANTS, limits: { deadlineMs: 50, maxDeadlineMs: 100 } }),
  )
  expect((await refusal(ask(host, 'slow'))).message).toMatch(/within 50 ms/)
  expect((await refusal(ask(host, 'slow', '', { deadlineMs: 10_000 }))).message).toMatch(/within 100 ms/)
})

test('More calls of an actor than it may have at a time are refused as overload, those of its neighbour are not', async () => {
  await host.load(image('crowded', await busy(1_000_000), { limits: { concurrency: 3 } }))
  const calls = Promise.allSettled(Array.from({ length: 5 }, () => ask(host, 'crowded')))
  const beside = Promise.all(Array.from({ length: 5 }, () => ask(host, 'neighbour', 'beside')))
  const refused = (await calls).filter((call) => call.status === 'rejected')
  expect(refused.map(({ reason }) => reason)).toMatchObject(
    Array(2).fill({ code: 'host/overloaded', kind: 'unavailable', release: { name: 'crowded' } }),
  )
  expect(await beside).toHaveLength(5)
  expect(await ask(host, 'crowded')).toBe('')
})

test('More open capability calls than an actor may have are refused, and so is the call that fails of it', async () => {
  await host.load(image('asking', await forwarding(KEYVALUE), { ...GRANTS, limits: { openHostCalls: 2 } }))
  const first = [ask(host, 'asking', 'a'), ask(host, 'asking', 'b')]
  await expect.poll(() => open.length).toBe(2)
  expect(await refusal(ask(host, 'asking', 'c'))).toMatchObject({
    code: 'host/too-many-host-calls',
    kind: 'unavailable',
    release: { name: 'asking' },
  })
  for (const answer of open.splice(0)) answer()
  expect(await Promise.all(first)).toEqual(['a', 'b'])
  const again = ask(host, 'asking', 'd')
  await expect.poll(() => open.length).toBe(1)
  open[0]!()
  expect(await again).toBe('d')
})

test('A capability call that outlives its call counts until it has ended', async () => {
  await host.load(image('leaving', await forwarding(KEYVALUE), { ...GRANTS, limits: { openHostCalls: 1 } }))
  const caller = new AbortController()
  const left = ask(host, 'leaving', 'a', { signal: caller.signal }).catch((error: unknown) => error)
  await expect.poll(() => open.length).toBe(1)
  caller.abort('gone')
  expect(await left).toBe('gone')
  expect((await refusal(ask(host, 'leaving', 'b'))).code).toBe('host/too-many-host-calls')
  open.splice(0)[0]!()
  const next = ask(host, 'leaving', 'c')
  await expect.poll(() => open.length).toBe(1)
  open[0]!()
  expect(await next).toBe('c')
})

test('A trace to replay is held to the limit of traces', async () => {
  const replay = Buffer.alloc(DEFAULT_LIMITS.traceBytes + 1)
  expect((await refusal(ask(host, 'neighbour', '', { replay }))).code).toBe('host/payload-too-large')
})

test('An actor may have less than the host allows, and never more', () => {
  const wanted = actorLimits(DEFAULT_LIMITS, { fuel: 1, payloadBytes: Number.POSITIVE_INFINITY })
  expect(wanted).toMatchObject({ fuel: 1, payloadBytes: DEFAULT_LIMITS.payloadBytes, concurrency: 512 })
})
