import { $init, generateTypes } from '@bytecodealliance/jco-transpile/component'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { fromJson, type Signatures } from '../abi/component/json-values.ts'
import { parseDeclarations } from './declarations.ts'
import { readSignatures } from './signatures.ts'

const WIT = `
package demo:things@0.1.0;
interface types {
  record point { x: s32, id: u64, data: list<u8>, note: option<string> }
  type many = list<point>;
  resource thing;
}
interface api {
  use types.{point, many as all, thing};
  variant shape { circle(u32), none, named(point) }
  variant single { only(u64) }
  enum color { red, blue-green }
  flags perms { read, write-all }
  go: func(p: point, s: shape, c: color, f: perms) -> result<shape, color>;
  lists: func(all: all, b: list<u64>, f: list<f32>, nested: list<option<u64>>);
  delete: func(t: tuple<u8, s64>, r: result<_, string>, o: option<option<u8>>, one: single);
  with-handle: func(t: borrow<thing>);
}
world w { export types; export api; export run: func(a: u32, b: list<u64>) -> string; export init: func(); }
`
let signatures: Signatures
beforeAll(async () => {
  await $init
  const options = { wit: { tag: 'source' as const, val: WIT }, world: 'w', instantiation: { tag: 'async' as const } }
  signatures = readSignatures(new Map(generateTypes('component', options)))
})

const read = (path: string, values: unknown) => {
  const [owner = '', name = ''] = path.split('#')
  const parameters = signatures.functions[owner]?.[name]
  if (parameters === undefined) throw new Error(`Expected a function ${path}, found none`)
  return fromJson(values, { tuple: parameters }, signatures.types, 'arguments')
}
const POINT = { x: -1, id: '18446744073709551615', data: 'AAEC', note: null }
const READ_POINT = { x: -1, id: 2n ** 64n - 1n, data: Buffer.from([0, 1, 2]), note: undefined }

test('Arguments of every type are read from JSON as a component takes them', () => {
  const named = { tag: 'named', val: POINT }
  expect(read('demo:things/api@0.1.0#go', [POINT, named, 'blue-green', { read: true }])).toEqual([
    READ_POINT,
    { tag: 'named', val: READ_POINT },
    'blue-green',
    { read: true },
  ])
  expect(read('demo:things/api@0.1.0#lists', [[POINT], [1, '2'], [0.5], [null, '3']])).toEqual([
    [READ_POINT],
    [1n, 2n],
    [0.5],
    [undefined, 3n],
  ])
  const some = { tag: 'some', val: null }
  expect(read('demo:things/api@0.1.0#delete', [[7, '-9'], { tag: 'ok' }, some, { tag: 'only', val: 5 }])).toEqual([
    [7, -9n],
    { tag: 'ok' },
    { tag: 'some', val: undefined },
    { tag: 'only', val: 5n },
  ])
  expect(read('#run', [3, ['4']])).toEqual([3, [4n]])
})

test('Functions that take resources, and what toolchains leave behind, are not there', () => {
  expect(Object.keys(signatures.functions['demo:things/api@0.1.0']!)).toEqual(['go', 'lists', 'delete'])
  expect(Object.keys(signatures.functions['']!)).toEqual(['run'])
})

test('A wrong argument is refused with its place', () => {
  const wrong = (path: string, values: unknown, message: string) =>
    expect(() => read(path, values), message).toThrow(message)
  wrong('#run', [3], 'Expected 2 values as arguments, found [3]')
  wrong('#run', { a: 3 }, 'Expected a list as arguments')
  wrong('#run', [3, ['x']], 'Expected a whole number as text as arguments[1][0], found "x"')
  wrong('#run', [3, [0.5]], 'Expected a whole number as text')
  const go = 'demo:things/api@0.1.0#go'
  wrong(go, [{ ...POINT, data: '?' }, { tag: 'none' }, 'red', {}], 'Expected bytes in base64 as arguments[0].data')
  wrong(go, [POINT, { tag: 'square' }, 'red', {}], 'Expected a tag of circle, none, named as arguments[1]')
  wrong(go, [POINT, { tag: 'toString' }, 'red', {}], 'Expected a tag of circle, none, named')
  wrong(go, [null, { tag: 'none' }, 'red', {}], 'Expected an object as arguments[0], found null')
})

test('Declarations of another form are refused', () => {
  expect(() => readSignatures(new Map())).toThrow('Expected declarations in component.d.ts, found none')
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom(..."export type T = ; { } ( ) : | 'a' < > , interface function class Array import".split(' ')),
      ),
      (tokens) => {
        try {
          parseDeclarations(tokens.join(' '), 'component.d.ts')
        } catch (error) {
          expect(error).toMatchObject({ name: 'GuestFault', failure: 'bad-module' })
        }
      },
    ),
  )
})
