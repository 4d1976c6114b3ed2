import { expect, test } from 'vitest'
import { decodeMessagePack, encodeMessagePack, type Packable, type Unpacked } from '../../../message-pack.ts'
import { Refusal } from '../refusal.ts'
import type { BlobContainer, StreamObjectNames } from './blobstore-container.ts'
import { IncomingValue, OutgoingValue } from './blobstore-values.ts'
import { open, openWorld } from './open-world.fixture.ts'

/** What a provider answers; none is a refusal. */
type Answers = Readonly<Record<string, (...args: Unpacked[]) => Packable>>

function worldOf(answers: Answers, grants: string[] = []) {
  const lines: string[] = []
  const world = openWorld({
    grants,
    log: (line) => lines.push(line),
    async invoke(binding, capability, operation, payload) {
      expect(binding).toBe('default')
      const answer = answers[`${capability} ${operation}`]
      if (answer === undefined) throw new Error(`host/capability-denied: Expected a grant of ${capability}, found none`)
      const value = answer(...(decodeMessagePack(payload) as Unpacked[]))
      return value === undefined ? new Uint8Array(0) : encodeMessagePack(value)
    },
  })
  return { lines, open: (name: string) => open(world, name) }
}
const bytes = (text: string) => Uint8Array.from(Buffer.from(text))

async function refusedWith(promise: unknown): Promise<unknown> {
  const error = await (promise as Promise<unknown>).then(
    () => undefined,
    (caught: unknown) => caught,
  )
  if (error instanceof Refusal) return error.payload
  throw error ?? new Error('Expected a refusal, found success')
}

interface Bucket {
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, value: Uint8Array): Promise<void>
  listKeys(cursor: bigint | undefined): Promise<unknown>
}

test('Keys and values go by the name of their bucket', async () => {
  const kept = new Map<Unpacked, Unpacked>()
  const { open } = worldOf({
    'wasi:keyvalue store.get': (bucket, key) => kept.get(`${bucket}/${key}`) as Packable,
    'wasi:keyvalue store.set': (bucket, key, value) => void kept.set(`${bucket}/${key}`, value!),
    'wasi:keyvalue store.list-keys': (_, cursor) => ({ keys: ['a', 'b'], cursor: cursor === null ? 256 : null }),
    'wasi:keyvalue atomics.increment': (_, key, delta) => (key === 'below' ? -1 : BigInt(delta as number) + 1n),
    'wasi:keyvalue batch.get-many': (_, keys) =>
      (keys as string[]).map((key) => (key === 'a' ? [key, bytes('1')] : null)),
  })
  const bucket = open('wasi:keyvalue/store')['open']!('tea') as Bucket
  expect(await bucket.get('a')).toBe(undefined)
  await bucket.set('a', bytes('green'))
  expect(await bucket.get('a')).toEqual(bytes('green'))
  expect([...kept.keys()]).toEqual(['tea/a'])
  expect(await bucket.listKeys(undefined)).toEqual({ keys: ['a', 'b'], cursor: 256n })
  expect(await bucket.listKeys(256n)).toEqual({ keys: ['a', 'b'], cursor: undefined })
  const { increment } = open('wasi:keyvalue/atomics')
  expect(await increment!(bucket, 'a', 2n ** 53n)).toBe(2n ** 53n + 1n)
  expect(await refusedWith(increment!(bucket, 'below', 1n))).toMatchObject({ tag: 'other' })
  expect(await open('wasi:keyvalue/batch')['getMany']!(bucket, ['a', 'b'])).toEqual([['a', bytes('1')], undefined])
})

test('Each interface has an error of its own for what is not granted', async () => {
  const { open } = worldOf({})
  const bucket = open('wasi:keyvalue/store')['open']!('') as Bucket
  expect(await refusedWith(bucket.get('a'))).toEqual({ tag: 'access-denied' })
  const text = expect.stringContaining('host/capability-denied')
  expect(await refusedWith(open('wasi:config/store')['get']!('a'))).toEqual({ tag: 'upstream', val: text })
  expect(await refusedWith(open('wasi:blobstore/blobstore')['getContainer']!('a'))).toEqual(text)
})

test('Settings are told by name, and all of them', async () => {
  const { open } = worldOf({
    'wasi:config store.get': (key) => (key === 'a' ? '1' : null),
    'wasi:config store.get-all': () => [['a', '1']],
  })
  for (const name of ['wasi:config/store', 'wasi:config/runtime']) {
    const config = open(name)
    expect([await config['get']!('a'), await config['get']!('b')]).toEqual(['1', undefined])
    expect(await config['getAll']!()).toEqual([['a', '1']])
  }
})

test('What is logged goes to who was granted it, else to the console', async () => {
  const told: Unpacked[] = []
  const answers: Answers = { 'wasi:logging logging.log': (...args) => void told.push(args) }
  const granted = worldOf(answers, ['wasi:logging'])
  await granted.open('wasi:logging/logging')['log']!('warn', 'pot', 'hot')
  expect([told, granted.lines]).toEqual([[['warn', 'pot', 'hot']], []])
  for (const { open, lines } of [worldOf(answers), worldOf({}, ['wasi:logging'])]) {
    await open('wasi:logging/logging')['log']!('warn', 'pot', 'hot')
    expect(lines).toEqual(['warn: pot: hot'])
  }
  expect(told).toHaveLength(1)
})

test('A blob is written in chunks once it is finished, and read in chunks', async () => {
  const chunks: Unpacked[] = []
  const { open } = worldOf({
    'wasi:blobstore blobstore.create-container': () => null,
    'wasi:blobstore container.get': () => null,
    'wasi:blobstore container.write-data': (container, name, data, chunk, total) => {
      chunks.push([container!, name!, (data as Uint8Array).length, chunk!, total!])
      return null
    },
    'wasi:blobstore container.get-data': (_, __, start, end) =>
      new Uint8Array(Math.min(700_000, Number(end) + 1) - Math.min(700_000, Number(start))),
  })
  const container = (await open('wasi:blobstore/blobstore')['createContainer']!('box')) as BlobContainer
  const types = open('wasi:blobstore/types') as unknown as { OutgoingValue: { newOutgoingValue(): OutgoingValue } }
  const value = types.OutgoingValue.newOutgoingValue()
  const stream = value.outgoingValueWriteBody()
  await container.writeData('tea', value)
  stream.write(new Uint8Array(700_000))
  expect(chunks).toEqual([])
  await OutgoingValue.finish(value)
  expect(chunks).toEqual([
    ['box', 'tea', 524_288, 0, 700_000],
    ['box', 'tea', 175_712, 1, 700_000],
  ])
  const read = await container.getData('tea', 0n, 2n ** 64n - 1n)
  expect(read.size()).toBe(700_000n)
  expect(IncomingValue.incomingValueConsumeSync(await container.getData('tea', 5n, 9n))).toHaveLength(5)
  expect(IncomingValue.incomingValueConsumeSync(await container.getData('tea', 9n, 5n))).toHaveLength(0)
})

test('Names of objects come in pages, to the end', async () => {
  const all = ['a', 'b', 'c', 'd', 'e']
  const { open } = worldOf({
    'wasi:blobstore blobstore.get-container': () => null,
    'wasi:blobstore container.list-objects': (_, from) => all.slice(Number(from), Number(from) + 2),
  })
  const container = (await open('wasi:blobstore/blobstore')['getContainer']!('box')) as BlobContainer
  const names: StreamObjectNames = await container.listObjects()
  expect(await names.readStreamObjectNames(3n)).toEqual([['a', 'b', 'c'], false])
  expect(await names.skipStreamObjectNames(1n)).toEqual([1n, false])
  expect(await names.readStreamObjectNames(2n ** 60n)).toEqual([['e'], true])
})
