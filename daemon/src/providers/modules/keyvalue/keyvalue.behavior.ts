import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ProviderSupervisor } from '../../supervisor.ts'
import { type Asked, ask, isRefused } from '../../testing/open-providers.fixture.ts'

/** What both backends of key-value must do, through a real provider process. */
export function itBehavesLikeKeyvalue(open: () => Promise<ProviderSupervisor>): void {
  let supervisor: ProviderSupervisor
  beforeAll(async () => {
    supervisor = await open()
  })
  afterAll(() => supervisor?.[Symbol.asyncDispose]())
  const keyvalue = (operation: string, payload: unknown, asked?: Asked) => ask(supervisor, operation, payload, asked)
  const wasi = (operation: string, args: unknown[], asked?: Asked) =>
    ask(supervisor, operation, args, { capability: 'wasi:keyvalue', ...asked })
  const bytes = (...values: number[]) => Uint8Array.from(values)

  describe('wascc:keyvalue', () => {
    test('Texts are set, read, found and deleted', async () => {
      expect(await keyvalue('Get', { key: 'a' })).toEqual({ value: '', exists: false })
      expect(await keyvalue('Set', { key: 'a', value: 'täa', expires: 0 })).toEqual({ value: 'täa' })
      expect(await keyvalue('Get', { key: 'a' })).toEqual({ value: 'täa', exists: true })
      expect(await keyvalue('KeyExists', { key: 'a' })).toEqual({ value: '', exists: true })
      expect(await keyvalue('Del', { key: 'a' })).toEqual({ key: 'a' })
      expect(await keyvalue('KeyExists', { key: 'a' })).toEqual({ value: '', exists: false })
    })

    test('A text with an expiry is gone after it, and an addition keeps the expiry', async () => {
      let sum: unknown
      let startedAt: number
      // Where the two took as long as the text lasts, the second says nothing of the first.
      do {
        startedAt = performance.now()
        await keyvalue('Set', { key: 'short', value: '41', expires: 1 })
        sum = await keyvalue('Add', { key: 'short', value: 1 })
      } while (performance.now() - startedAt > 900)
      expect(sum).toEqual({ value: 42 })
      await expect.poll(() => keyvalue('Get', { key: 'short' })).toMatchObject({ exists: false })
      expect(await keyvalue('KeyExists', { key: 'short' })).toMatchObject({ exists: false })
      expect(await keyvalue('Add', { key: 'short', value: 1 })).toEqual({ value: 1 })
    })

    test('Setting again takes an expiry away', async () => {
      await keyvalue('Set', { key: 'stays', value: 'x', expires: 1 })
      await keyvalue('Set', { key: 'stays', value: 'y', expires: 0 })
      await keyvalue('Set', { key: 'goes', value: 'z', expires: 1 })
      await expect.poll(() => keyvalue('Get', { key: 'goes' })).toMatchObject({ exists: false })
      expect(await keyvalue('Get', { key: 'stays' })).toEqual({ value: 'y', exists: true })
    })

    test('Adding counts, from many callers at once too, and refuses what is no number', async () => {
      await Promise.all(Array.from({ length: 50 }, () => keyvalue('Add', { key: 'n', value: 2 })))
      expect(await keyvalue('Add', { key: 'n', value: -100 })).toEqual({ value: 0 })
      for (const value of ['tea', '1.5', '007', '+1', '', ' 1', '9223372036854775808']) {
        await keyvalue('Set', { key: 'text', value, expires: 0 })
        await isRefused(keyvalue('Add', { key: 'text', value: 1 }), 'provider/not-a-number', value)
        expect(await keyvalue('Get', { key: 'text' })).toMatchObject({ value })
      }
      await keyvalue('Add', { key: 'big', value: 2 ** 31 - 1 })
      await isRefused(keyvalue('Add', { key: 'big', value: 1 }), 'provider/not-a-number')
      expect(await keyvalue('Get', { key: 'big' })).toMatchObject({ value: '2147483647' })
      expect(await keyvalue('Add', { key: 'big', value: -(2 ** 31) })).toEqual({ value: -1 })
    })

    test('Lists keep their order, and ranges count from both ends', async () => {
      for (const value of ['a', 'b', 'c', 'b']) await keyvalue('Push', { key: 'l', value })
      expect(await keyvalue('Range', { key: 'l', start: 0, stop: -1 })).toEqual({ values: ['a', 'b', 'c', 'b'] })
      expect(await keyvalue('Range', { key: 'l', start: 1, stop: 2 })).toEqual({ values: ['b', 'c'] })
      expect(await keyvalue('Range', { key: 'l', start: -2, stop: 99 })).toEqual({ values: ['c', 'b'] })
      expect(await keyvalue('Range', { key: 'l', start: -99, stop: 0 })).toEqual({ values: ['a'] })
      expect(await keyvalue('Range', { key: 'l', start: 0, stop: -99 })).toEqual({ values: [] })
      expect(await keyvalue('Range', { key: 'l', start: 3, stop: 1 })).toEqual({ values: [] })
      expect(await keyvalue('ListItemDelete', { key: 'l', value: 'b' })).toEqual({ newCount: 2 })
      expect(await keyvalue('Clear', { key: 'l' })).toEqual({ newCount: 0 })
      expect(await keyvalue('Range', { key: 'l', start: 0, stop: -1 })).toEqual({ values: [] })
    })

    test('Sets hold each value once, and are united and intersected', async () => {
      for (const value of ['b', 'a', 'b']) await keyvalue('SetAdd', { key: 's', value })
      await keyvalue('SetAdd', { key: 't', value: 'b' })
      expect(await keyvalue('SetAdd', { key: 't', value: 'c' })).toEqual({ newCount: 2 })
      expect(await keyvalue('SetQuery', { key: 's' })).toEqual({ values: ['a', 'b'] })
      expect(await keyvalue('SetUnion', { keys: ['s', 't'] })).toEqual({ values: ['a', 'b', 'c'] })
      expect(await keyvalue('SetIntersection', { keys: ['s', 't'] })).toEqual({ values: ['b'] })
      expect(await keyvalue('SetRemove', { key: 's', value: 'a' })).toEqual({ newCount: 1 })
      expect(await keyvalue('SetIntersection', { keys: [] })).toEqual({ values: [] })
      expect(await keyvalue('SetQuery', { key: 'none' })).toEqual({ values: [] })
    })

    test('What is asked for many times over takes no more memory than an answer may', async () => {
      const large = 'x'.repeat(900_000)
      const tooMuch = { code: 'provider/response-too-large', message: expect.stringMatching(/read at once/) }
      for (const [operation, key] of [
        ['Set', 'l0'],
        ['Push', 'l1'],
        ['SetAdd', 'l2'],
      ] as const)
        await keyvalue(operation, { key, value: large, expires: 0 })
      await isRefused(wasi('batch.get-many', ['', Array(256).fill('l0')]), tooMuch)
      expect(await keyvalue('SetUnion', { keys: Array(256).fill('l2') })).toEqual({ values: [large] })
      expect(await keyvalue('SetIntersection', { keys: Array(256).fill('l2') })).toEqual({ values: [large] })
      for (let i = 0; i < 10; i++) await keyvalue('Push', { key: 'l1', value: large })
      for (let i = 0; i < 10; i++) await keyvalue('SetAdd', { key: 'l2', value: large + i })
      await isRefused(keyvalue('Range', { key: 'l1', start: 0, stop: -1 }), tooMuch)
      await isRefused(keyvalue('SetQuery', { key: 'l2' }), tooMuch)
      expect(await keyvalue('Range', { key: 'l1', start: -1, stop: -1 })).toEqual({ values: [large] })
      for (const key of ['l0', 'l1', 'l2']) await keyvalue('Del', { key })
    })

    test('A key may have a value, a list and a set, and deleting it deletes all three', async () => {
      await keyvalue('Set', { key: 'all', value: 'v', expires: 0 })
      await keyvalue('Push', { key: 'all', value: 'l' })
      await keyvalue('SetAdd', { key: 'all', value: 's' })
      expect(await keyvalue('Get', { key: 'all' })).toMatchObject({ value: 'v' })
      await wasi('store.delete', ['default', 'all'])
      expect(await keyvalue('KeyExists', { key: 'all' })).toMatchObject({ exists: true })
      await keyvalue('Del', { key: 'all' })
      expect(await keyvalue('KeyExists', { key: 'all' })).toMatchObject({ exists: false })
      expect(await keyvalue('SetQuery', { key: 'all' })).toEqual({ values: [] })
      expect(await keyvalue('Range', { key: 'all', start: 0, stop: -1 })).toEqual({ values: [] })
    })

    test('Requests and answers of early actors are arrays in the order of the fields', async () => {
      expect(await keyvalue('Set', ['early', 'x', 0])).toEqual(['x'])
      expect(await keyvalue('Get', ['early'])).toEqual(['x', true])
    })
  })

  describe('wasi:keyvalue', () => {
    test('Values are bytes, whatever they are', async () => {
      const value = bytes(0, 255, 128, 10, 13)
      expect(await wasi('store.get', ['b', 'raw'])).toBeNull()
      expect(await wasi('store.set', ['b', 'raw', value])).toBeNull()
      expect(await wasi('store.get', ['b', 'raw'])).toEqual(value)
      expect(await wasi('store.exists', ['b', 'raw'])).toBe(true)
      await wasi('store.set', ['b', 'empty', bytes()])
      expect(await wasi('store.get', ['b', 'empty'])).toEqual(bytes())
      expect(await wasi('store.delete', ['b', 'raw'])).toBeNull()
      expect(await wasi('store.exists', ['b', 'raw'])).toBe(false)
      expect(await wasi('store.delete', ['b', 'raw'])).toBeNull()
    })

    test('The bucket default is what waSCC sees, as text where it is text, and other buckets are apart', async () => {
      await keyvalue('Set', { key: 'shared', value: 'tea', expires: 0 })
      for (const bucket of ['default', ''])
        expect(await wasi('store.get', [bucket, 'shared'])).toEqual(Uint8Array.from(Buffer.from('tea')))
      expect(await wasi('store.get', ['other', 'shared'])).toBeNull()
      await wasi('store.set', ['default', 'shared', bytes(0xff)])
      await isRefused(keyvalue('Get', { key: 'shared' }), 'provider/not-text')
    })

    test('Keys come in pages, each once, without those that were deleted or have expired', async () => {
      const keys = Array.from({ length: 600 }, (_, i) => `k${String(i).padStart(3, '0')}`)
      for (let i = 0; i < keys.length; i += 200) {
        const pairs = keys.slice(i, i + 200).map((key) => [key, bytes(1)])
        await wasi('batch.set-many', ['many', pairs])
      }
      await wasi('batch.delete-many', ['many', ['k001', 'k300', 'k999']])
      const found: string[] = []
      let cursor: number | null = null
      do {
        const page = (await wasi('store.list-keys', ['many', cursor])) as { keys: string[]; cursor: number | null }
        found.push(...page.keys)
        cursor = page.cursor
      } while (cursor !== null)
      expect(found).toEqual(keys.filter((key) => key !== 'k001' && key !== 'k300'))
      await keyvalue('Set', { key: 'soon', value: 'x', expires: 1 }, { actor: 'lister' })
      await keyvalue('Set', { key: 'stays', value: 'x', expires: 0 }, { actor: 'lister' })
      await expect
        .poll(() => wasi('store.list-keys', ['', null], { actor: 'lister' }))
        .toEqual({ keys: ['stays'], cursor: null })
    })

    test('Increments are of 64 bits, and refused past them', async () => {
      expect(await wasi('atomics.increment', ['b', 'n', 2 ** 40])).toBe(BigInt(2 ** 40))
      expect(await wasi('atomics.increment', ['b', 'n', 2n ** 62n])).toBe(2n ** 62n + 2n ** 40n)
      await isRefused(wasi('atomics.increment', ['b', 'n', 2n ** 62n]), 'provider/not-a-number')
      expect(await wasi('atomics.increment', ['b', 'n', 0])).toBe(2n ** 62n + 2n ** 40n)
      await isRefused(wasi('atomics.increment', ['b', 'fresh', 2n ** 63n]), 'provider/not-a-number')
      expect(await wasi('store.exists', ['b', 'fresh'])).toBe(false)
    })

    test('A swap happens when the value is the expected one, and only then', async () => {
      expect(await wasi('atomics.swap', ['b', 'cas', bytes(1), bytes(2)])).toBe(false)
      expect(await wasi('atomics.swap', ['b', 'cas', null, bytes(1)])).toBe(true)
      expect(await wasi('atomics.swap', ['b', 'cas', null, bytes(9)])).toBe(false)
      expect(await wasi('atomics.swap', ['b', 'cas', bytes(9), bytes(3)])).toBe(false)
      expect(await wasi('atomics.swap', ['b', 'cas', bytes(1), bytes()])).toBe(true)
      expect(await wasi('atomics.swap', ['b', 'cas', null, bytes(9)])).toBe(false)
      expect(await wasi('store.get', ['b', 'cas'])).toEqual(bytes())
      const tries = Array.from({ length: 20 }, (_, i) => wasi('atomics.swap', ['b', 'cas', bytes(), bytes(i)]))
      expect((await Promise.all(tries)).filter((won) => won)).toHaveLength(1)
    })

    test('Many are got, set and deleted at once', async () => {
      await wasi('batch.set-many', [
        'batch',
        [
          ['x', bytes(1)],
          ['y', bytes(2)],
        ],
      ])
      expect(await wasi('batch.get-many', ['batch', ['y', 'z', 'x']])).toEqual([['y', bytes(2)], null, ['x', bytes(1)]])
      expect(await wasi('batch.delete-many', ['batch', ['x', 'z']])).toBeNull()
      expect(await wasi('batch.get-many', ['batch', ['x', 'y']])).toEqual([null, ['y', bytes(2)]])
      for (const none of ['batch.get-many', 'batch.set-many', 'batch.delete-many']) await wasi(none, ['batch', []])
      await isRefused(wasi('batch.get-many', ['batch', Array(257).fill('x')]), 'provider/malformed-payload')
    })
  })

  test('Data of another actor, and of another binding, is out of reach', async () => {
    await keyvalue('Set', { key: 'mine', value: 'x', expires: 0 })
    await keyvalue('Push', { key: 'mine', value: 'x' })
    await keyvalue('SetAdd', { key: 'mine', value: 'x' })
    for (const asked of [{ actor: 'other' }, { binding: 'other' }, { actor: 'greeter","default' }]) {
      expect(await keyvalue('Get', { key: 'mine' }, asked)).toMatchObject({ exists: false })
      expect(await keyvalue('KeyExists', { key: 'mine' }, asked)).toMatchObject({ exists: false })
      await keyvalue('Del', { key: 'mine' }, asked)
    }
    expect(await keyvalue('Get', { key: 'mine' }, { binding: '' })).toEqual({ value: 'x', exists: true })
    expect(await keyvalue('SetQuery', { key: 'mine' })).toEqual({ values: ['x'] })
  })

  test('An answer over the limit is refused, and so is a payload', async () => {
    const value = 'x'.repeat(700_000)
    for (let i = 0; i < 2; i++) await keyvalue('Push', { key: 'huge', value })
    await isRefused(keyvalue('Range', { key: 'huge', start: 0, stop: -1 }), 'provider/response-too-large')
    await isRefused(keyvalue('Get', new Uint8Array((1 << 20) + 1)), 'provider/payload-too-large')
  })
}

/**
 * Adds ones, several at a time, while `strike` is called again and again. Nothing may be applied twice, and nothing that was
 * answered may be lost: what is there in the end lies between the answered and the asked.
 */
export async function countUnderFire(
  supervisor: ProviderSupervisor,
  asked: Asked,
  strike: () => void | Promise<void>,
  strikes = 8,
): Promise<{ answered: number; unknown: number; stored: number }> {
  let answered = 0
  let unknown = 0
  let ended = false
  const add = async () => {
    while (!ended) {
      try {
        await ask(supervisor, 'Add', { key: 'count', value: 1 }, asked)
        answered++
      } catch (error) {
        expect(error).toMatchObject({ kind: 'unavailable' })
        unknown++
        await new Promise((done) => setTimeout(done, 5))
      }
    }
  }
  const adders = Array.from({ length: 4 }, add)
  for (let i = 0; i < strikes; i++) {
    const before = answered
    await expect.poll(() => answered, { interval: 3 }).toBeGreaterThan(before + 3)
    await strike()
  }
  ended = true
  await Promise.all(adders)
  // What was struck last may still be on its way down.
  const stored = await vi.waitFor(() => ask(supervisor, 'Get', { key: 'count' }, asked), { timeout: 60_000 })
  return { answered, unknown, stored: Number((stored as { value: string }).value) }
}
