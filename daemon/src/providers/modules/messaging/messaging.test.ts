import { decode } from '@msgpack/msgpack'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { DaemonServices } from '../../provider.ts'
import type { ProviderSupervisor } from '../../supervisor.ts'
import {
  type Asked,
  ask,
  askBytes,
  isRefused,
  openWorkbench,
  type Workbench,
} from '../../testing/open-providers.fixture.ts'

interface Delivered {
  subject: string
  replyTo: string
  body: Uint8Array
  metadata?: [string, Uint8Array][]
}

/** What a test's actors do with what they get. */
const actors: Record<string, (message: Delivered) => Promise<void> | void> = {}
const got: [actor: string, subject: string, body: string][] = []

const services = {
  async callActor(actor: string, operation: string, payload: Uint8Array) {
    expect(operation).toBe('DeliverMessage')
    const message = decode(Uint8Array.from(payload)) as Delivered
    got.push([actor, message.subject, Buffer.from(message.body).toString()])
    await actors[actor]?.(message)
    return new Uint8Array(0)
  },
} as unknown as DaemonServices

let bench: Workbench
let supervisor: ProviderSupervisor
beforeAll(async () => {
  bench = await openWorkbench('messaging')
  supervisor = bench.supervise({ services })
  await supervisor.load(bench.image('messaging', { grants: ['actors'] }))
})
afterAll(async () => {
  await supervisor?.[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})
beforeEach(() => {
  for (const name of Object.keys(actors)) {
    delete actors[name]
    supervisor.bind({ name, publisher: '0xa11ce' }, [])
  }
  got.length = 0
})

const SHOP = '0xa11ce'
function actor(
  name: string,
  settings: Record<string, string>,
  does: (typeof actors)[string] = () => {},
  publisher = SHOP,
) {
  actors[name] = does
  supervisor.bind({ name, publisher }, [{ name: 'default', capability: 'wascc:messaging', settings }])
}
const messaging = (operation: string, payload: unknown, asked: Asked = {}) =>
  askBytes(supervisor, operation, payload, { capability: 'wascc:messaging', ...asked })
const publish = (subject: string, body = '', asked: Asked = {}) =>
  messaging('Publish', { subject, replyTo: '', body: Buffer.from(body) }, asked)
const request = async (subject: string, body: string, timeout = 9_000) =>
  Buffer.from(await messaging('Request', { subject, body: Buffer.from(body), timeout })).toString()
const answers = (change: (body: string) => string) => async (message: Delivered) => {
  const body = Buffer.from(change(Buffer.from(message.body).toString()))
  await messaging('Publish', { subject: message.replyTo, replyTo: '', body })
}
const bodies = (name: string) => got.filter(([who]) => who === name).map(([, , body]) => body)

test('A message reaches every subscriber of its subject, in order, and nobody else', async () => {
  actor('orders', { subscribe: 'orders.*' })
  actor('all', { subscribe: 'x.y, orders.>' })
  actor('other', { subscribe: 'bills.>' })
  for (let i = 0; i < 20; i++) expect(await publish('orders.new', `${i}`)).toHaveLength(0)
  await publish('orders.new.de', 'deep')
  const inOrder = Array.from({ length: 20 }, (_, i) => `${i}`)
  await expect.poll(() => bodies('all')).toEqual([...inOrder, 'deep'])
  await expect.poll(() => bodies('orders')).toEqual(inOrder)
  expect(bodies('other')).toEqual([])
})

test('Of a queue group one gets a message, in turns', async () => {
  for (const name of ['a', 'b', 'c']) actor(name, { subscribe: 'work', queue: 'workers' })
  actor('d', { subscribe: 'work', queue: 'others' })
  for (let i = 0; i < 12; i++) await publish('work', `${i}`)
  await expect.poll(() => got.length).toBe(24)
  expect(bodies('d')).toHaveLength(12)
  for (const name of ['a', 'b', 'c']) expect(bodies(name)).toHaveLength(4)
})

test('Actors of another publisher neither hear, answer nor reply', async () => {
  const heard: string[] = []
  actor('spy', { subscribe: '>' }, ({ subject }) => void heard.push(subject), '0xe11e')
  actor('service', { subscribe: 'add' }, async ({ replyTo }) => {
    await publish(replyTo, 'forged', { publisher: '0xe11e' })
    await publish(replyTo, 'genuine')
  })
  expect(await request('add', '1')).toBe('genuine')
  const ofTheSpy = { subject: 'add', body: Buffer.from('2'), timeout: 100 }
  await isRefused(messaging('Request', ofTheSpy, { publisher: '0xe11e' }), 'provider/no-reply')
  await expect.poll(() => bodies('spy')).toContain('2')
  expect(heard).toEqual(['add'])
  expect(bodies('service')).toEqual(['1'])
})

test('A request is answered by whoever publishes to its inbox first, and nobody else hears that', async () => {
  actor(
    'upper',
    { subscribe: 'upper' },
    answers((body) => body.toUpperCase()),
  )
  actor('listener', { subscribe: '>' })
  expect(await request('upper', 'tea')).toBe('TEA')
  expect(await Promise.all(['a', 'b', 'c'].map((body) => request('upper', body)))).toEqual(['A', 'B', 'C'])
  await publish('bye', 'last')
  await expect.poll(() => bodies('listener')).toContain('last')
  expect(got.filter(([, subject]) => subject.startsWith('_INBOX'))).toEqual([])
})

test('A request that nobody takes in, or answers in time, is refused as unavailable', async () => {
  const none = { code: 'provider/no-reply', kind: 'unavailable' }
  await isRefused(request('nobody', ''), none)
  actor('mute', { subscribe: 'mute' })
  await isRefused(request('mute', '', 100), none)
  actor('broken', { subscribe: 'broken' }, () => Promise.reject(new Error('no tea')))
  await isRefused(request('broken', '', 100), none)
  expect(await publish('broken', 'again')).toHaveLength(0)
  await expect.poll(() => bodies('broken')).toHaveLength(2)
})

test('A subscriber gets one at a time unless its binding says more', async () => {
  for (const [name, settings, atOnce] of [
    ['one', {}, 1],
    ['four', { concurrency: '4' }, 4],
  ] as const) {
    const [running, release] = [new Set<string>(), Promise.withResolvers<void>()]
    let most = 0
    actor(name, { subscribe: name, ...settings }, async ({ body }) => {
      most = Math.max(most, running.add(`${body}`).size)
      await release.promise
      running.delete(`${body}`)
    })
    for (let i = 0; i < 12; i++) await publish(name, `${i}`)
    await expect.poll(() => running.size).toBe(atOnce)
    release.resolve()
    await expect.poll(() => bodies(name).length === 12 && running.size === 0).toBe(true)
    expect(most).toBe(atOnce)
  }
})

test('A subscriber that does not keep up loses what is over its mailbox, and holds up nobody', async () => {
  const release = Promise.withResolvers<void>()
  actor('stuck', { subscribe: 'flood' }, () => release.promise)
  actor('quick', { subscribe: 'flood', concurrency: '16' })
  for (let i = 0; i < 400; i++) await publish('flood', `${i}`)
  await expect.poll(() => bodies('quick')).toHaveLength(400)
  expect(bodies('stuck')).toEqual(['0'])
  release.resolve()
  await expect.poll(() => bodies('stuck').at(-1)).toBe('256')
  expect(bodies('stuck')).toHaveLength(257)
})

test('An actor that is unbound gets no more, and one that is bound anew keeps what waits', async () => {
  const release = Promise.withResolvers<void>()
  actor('slow', { subscribe: 's' }, () => release.promise)
  for (const body of ['1', '2']) await publish('s', body)
  actor('slow', { subscribe: 's' }, () => release.promise)
  await publish('s', '3')
  release.resolve()
  await expect.poll(() => bodies('slow')).toEqual(['1', '2', '3'])
  supervisor.bind({ name: 'slow', publisher: SHOP }, [])
  await publish('s', '4')
  await isRefused(request('s', '', 100), 'provider/no-reply')
  expect(bodies('slow')).toEqual(['1', '2', '3'])
})

test('Messages of wasi:messaging carry their metadata, and are requested and replied to likewise', async () => {
  const wasi = (operation: string, args: unknown[]) =>
    ask(supervisor, operation, args, { capability: 'wasi:messaging' })
  const metadata: unknown[] = []
  actor('service', { subscribe: 'w.*' }, async (message) => {
    metadata.push(message.metadata)
    if (message.replyTo !== '') await wasi('request-reply.reply', [message.replyTo, Uint8Array.of(7), null])
  })
  const pairs = [['k', Uint8Array.of(118)]]
  expect(await wasi('producer.send', ['w.a', Uint8Array.of(1), pairs])).toBeNull()
  expect(await wasi('request-reply.request', ['w.b', Uint8Array.of(1), null, 9_000])).toEqual(Uint8Array.of(7))
  expect(metadata).toEqual([pairs, undefined])
})

test('Subjects with wildcards or holes are refused, and a binding with such a pattern subscribes to nothing', async () => {
  for (const subject of ['', 'a.*', '>', 'a..b', 'a b'])
    await isRefused(publish(subject), 'provider/bad-subject', subject)
  await isRefused(messaging('Publish', { subject: 'a', replyTo: '>', body: '' }), 'provider/bad-subject')
  actor('odd', { subscribe: 'a,b..c' })
  await publish('a')
  await isRefused(request('a', '', 50), 'provider/no-reply')
})

test('Early actors publish by position', async () => {
  actor('ear', { subscribe: 'p' })
  await messaging('Publish', ['p', '', [104, 105]])
  await expect.poll(() => bodies('ear')).toEqual(['hi'])
})
