import { decode, encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeFirst } from './messagepack.ts'
import { Request } from './request.ts'

const refused = expect.objectContaining({ code: 'provider/malformed-payload' })

const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 5 },
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('any'), { maxLength: 20 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('any'),
      { noNullPrototype: true },
    ),
  ),
})).any

describe('MessagePack', () => {
  test('of any value is read as by any other reader, whatever follows it', () => {
    fc.assert(
      fc.property(value, fc.uint8Array({ maxLength: 9 }), (some, stray) => {
        const bytes = encode(some)
        expect(decodeFirst(Uint8Array.of(...bytes, ...stray))).toEqual(decode(bytes, { useBigInt64: true }))
      }),
      // A whole number beyond 32 bits, which travels as one of 64.
      { examples: [[-2204910102915080, new Uint8Array()]] },
    )
  })

  test('that is cut off anywhere is refused', () => {
    fc.assert(
      fc.property(value, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (some, part) => {
        const bytes = encode(some)
        expect(() => decodeFirst(bytes.subarray(0, Math.floor(bytes.length * part)))).toThrowError(refused)
      }),
    )
  })

  test('of every format is walked as long as it is', () => {
    const formats = [
      'c403010203',
      'c50001ff',
      'c600000001ff',
      'c70105aa',
      'c8000105aa',
      'c90000000105aa',
      'ca3f800000',
      'cb3ff0000000000000',
    ]
    formats.push(
      'ccff',
      'cdffff',
      'ceffffffff',
      'cfffffffffffffffff',
      'd0ff',
      'd1ffff',
      'd2ffffffff',
      'd3ffffffffffffffff',
    )
    formats.push(
      'd405aa',
      'd505aaaa',
      'd605aaaaaaaa',
      'd705aaaaaaaaaaaaaaaa',
      `d805${'aa'.repeat(16)}`,
      'd90161',
      'da000161',
      'db0000000161',
    )
    formats.push(
      'dc0001c0',
      'dd00000001c0',
      'de0001a161c0',
      'df00000001a161c0',
      'c0',
      'c2',
      'c3',
      '7f',
      'e0',
      'a161',
      '91c0',
      '81a161c0',
    )
    for (const hex of formats) {
      const bytes = Buffer.from(hex, 'hex')
      expect(decodeFirst(Buffer.concat([bytes, Buffer.of(0xc1)])), hex).toEqual(decode(bytes, { useBigInt64: true }))
      for (let end = 0; end < bytes.length; end++)
        expect(() => decodeFirst(bytes.subarray(0, end)), hex).toThrowError(refused)
    }
  })

  test('that lies about lengths, nests without end or holds too much is refused before it costs anything', () => {
    const began = performance.now()
    for (const hex of [
      'ddffffffff',
      'dfffffffff',
      'dbffffffff',
      'c6ffffffff',
      'c9ffffffff05',
      'dcffff',
      '',
      'c1',
      '80c1'.slice(2),
    ])
      expect(() => decodeFirst(Buffer.from(hex, 'hex')), hex).toThrowError(refused)
    expect(() => decodeFirst(Buffer.alloc(1 << 20, 0x91))).toThrowError(refused)
    const deep = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0xc0)])
    expect(() => decodeFirst(deep(16))).toThrowError(refused)
    expect(decodeFirst(deep(15))).toBeInstanceOf(Array)
    expect(() => decodeFirst(Buffer.from('dd000fffff'.repeat(200_000), 'hex'))).toThrowError(refused)
    const maps = Buffer.alloc(1 << 20, 0x80)
    maps.set([0xdd, 0, 0x0f, 0xff, 0xfb])
    expect(() => decodeFirst(maps)).toThrowError(refused)
    expect(performance.now() - began).toBeLessThan(5_000)
  })

  test('of a million small numbers is read: that is how some send bytes', () => {
    const numbers = Buffer.alloc(1 << 20, 1)
    numbers.set([0xdd, 0, 0x0f, 0xff, 0xfb])
    expect(decodeFirst(numbers)).toHaveLength((1 << 20) - 5)
  })

  test('with a key __proto__ is refused', () => {
    expect(() =>
      decodeFirst(Buffer.concat([Buffer.of(0x81, 0xa9), Buffer.from('__proto__'), Buffer.of(0x80)])),
    ).toThrowError(refused)
  })
})

describe('a request', () => {
  test('is a map by name or an array by position', () => {
    for (const payload of [{ key: 'a', value: 5 }, ['a', 5]]) {
      const request = new Request(decodeFirst(encode(payload)), ['key', 'value'])
      expect(request.text('key')).toBe('a')
      expect(request.integer('value')).toBe(5)
      expect(request.positional).toBe(Array.isArray(payload))
    }
  })

  test('has bytes as bytes, as numbers or as a text', () => {
    for (const body of [Uint8Array.of(104, 105), [104, 105], 'hi'])
      expect(Buffer.from(new Request({ body }, ['body']).bytes('body')).toString()).toBe('hi')
    for (const body of [[256], [-1], [1.5], ['a'], {}, 5, undefined, null, new Date()])
      expect(() => new Request({ body }, ['body']).bytes('body')).toThrowError(refused)
  })

  test('has whole numbers also where they came as 64 bits', () => {
    expect(new Request({ n: 5n }, []).integer('n')).toBe(5)
    expect(new Request({ n: 2 ** 40 }, []).big('n')).toBe(2n ** 40n)
    for (const n of [2n ** 40n, 1.5, Number.NaN, '5', null])
      expect(() => new Request({ n }, []).integer('n')).toThrowError(refused)
    for (const n of [1.5, '5', undefined]) expect(() => new Request({ n }, []).big('n')).toThrowError(refused)
    for (const n of [-1, 11, 1.5, 2n ** 64n])
      expect(() => new Request({ n }, []).natural('n', 10)).toThrowError(refused)
  })

  test('is neither a date, bytes, nor a plain value, and inherits no fields', () => {
    for (const payload of [5, 'x', null, undefined, new Date(), Uint8Array.of(1)])
      expect(() => new Request(payload, ['key'])).toThrowError(refused)
    expect(() => new Request({}, ['constructor']).text('constructor')).toThrowError(refused)
    expect(() => new Request([], ['length']).integer('length')).toThrowError(refused)
  })
})
