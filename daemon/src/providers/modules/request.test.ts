import { encode } from '@msgpack/msgpack'
import { describe, expect, test } from 'vitest'
import { Request } from './request.ts'

const refused = expect.objectContaining({ code: 'provider/malformed-payload' })
const requestOf = (fields: Record<string, unknown>) => new Request(new Map(Object.entries(fields)) as never, [])

describe('a request', () => {
  test('is a map by name or an array by position', () => {
    for (const payload of [{ key: 'a', value: 5 }, ['a', 5]]) {
      const request = Request.parse(Buffer.of(...encode(payload), 0xc1), ['key', 'value'])
      expect(request.text('key')).toBe('a')
      expect(request.integer('value')).toBe(5)
      expect(request.positional).toBe(Array.isArray(payload))
    }
  })

  test('has bytes as bytes, as numbers or as a text', () => {
    for (const body of [Uint8Array.of(104, 105), [104, 105], 'hi'])
      expect(Buffer.from(requestOf({ body }).bytes('body')).toString()).toBe('hi')
    for (const body of [[256], [-1], [1.5], ['a'], new Map(), 5, undefined, null])
      expect(() => requestOf({ body }).bytes('body')).toThrowError(refused)
  })

  test('has whole numbers also where they came as 64 bits', () => {
    expect(requestOf({ n: 5n }).integer('n')).toBe(5)
    expect(requestOf({ n: 2 ** 40 }).big('n')).toBe(2n ** 40n)
    for (const n of [2n ** 40n, 1.5, Number.NaN, '5', null])
      expect(() => requestOf({ n }).integer('n')).toThrowError(refused)
    for (const n of [1.5, '5', undefined]) expect(() => requestOf({ n }).big('n')).toThrowError(refused)
    for (const n of [-1, 11, 1.5, 2n ** 64n]) expect(() => requestOf({ n }).natural('n', 10)).toThrowError(refused)
  })

  test('is neither bytes nor a plain value, and has no fields that nobody sent', () => {
    for (const payload of [5, 'x', null, undefined, Uint8Array.of(1)])
      expect(() => new Request(payload, ['key'])).toThrowError(refused)
    expect(() => requestOf({}).text('constructor')).toThrowError(refused)
    expect(() => new Request([], ['length']).integer('length')).toThrowError(refused)
  })

  test('that is no MessagePack is refused', () => {
    for (const hex of ['', 'c1', 'ddffffffff', 'd40500', '81a161'])
      expect(() => Request.parse(Buffer.from(hex, 'hex'), ['a']), hex).toThrowError(refused)
  })
})
