import { describe, expect, test } from 'vitest'
import { parseWat } from '../testing/parse-wat.ts'
import { prepareModule } from './prepare-module.ts'
import { FULL, type Metered, meter, SETTINGS } from './run-metered.fixture.ts'

const NOTHING = '(func $g) (func $h (call $g))'

const ENDLESS: Record<string, string> = {
  'a loop': '(func (export "f") (loop (br 0)))',
  'a loop with a condition': '(func (export "f") (loop (br_if 0 (i32.const 1))))',
  'a loop of a table': '(func (export "f") (loop (br_table 0 0 (i32.const 0))))',
  'a loop that calls what is free': `${NOTHING} (func (export "f") (loop (call $g) (br 0)))`,
  'a loop that calls the host':
    '(import "host" "nothing" (func $n (result i32))) (func (export "f") (loop (drop (call $n)) (br 0)))',
  'a loop in a loop': '(func (export "f") (loop (loop (br 1))))',
  'a loop with arms': '(func (export "f") (loop (if (i32.const 1) (then (br 1)) (else (br 1)))))',
  'a loop over references': '(func (export "f") (loop (br_on_null 0 (ref.null func)) (drop)))',
  'a loop over casts':
    '(func (export "f") (loop $l (block $b (result anyref) (br_on_cast_fail $b anyref i31ref (ref.null none)) (drop) (br $l)) (drop) (br $l)))',
  recursion: '(func $f (export "f") (call $f))',
  'tail calls': '(func $f (export "f") (return_call $g)) (func $g (return_call $f))',
  'tail calls by table':
    '(type $t (func)) (table funcref (elem $f)) (func $f (export "f") (return_call_indirect (type $t) (i32.const 0)))',
  'tail calls by reference':
    '(type $t (func)) (elem declare func $f) (func $f (export "f") (return_call_ref $t (ref.func $f)))',
  exceptions: '(tag $e) (func (export "f") (loop $l (block $b (try_table (catch $e $b) (throw $e))) (br $l)))',
  'exceptions thrown on':
    '(tag $e) (func (export "f") (loop $l (block $h (result exnref) (try_table (catch_all_ref $h) (throw $e)) (unreachable)) (drop) (br $l)))',
  'legacy exceptions': '(tag $e) (func (export "f") loop try throw $e catch $e br 1 end end)',
  'the catching of all': `(tag $e) (func $t (throw $e))
    (func (export "f") (loop $l (block $b (try_table (catch_all $b) (call $t))) (br $l)))`,
}

describe('What never ends stops when its fuel is gone:', () => {
  test.each(Object.entries(ENDLESS))('%s', async (_, fields) => {
    const metered = await meter(fields)
    expect(() => metered.used([], { fuel: 50_000 })).toThrow(/unreachable/)
    expect(metered.left()).toBeLessThan(0)
  })
})

test('Recursion is stopped by fuel where the stack would allow more', async () => {
  const metered = await meter('(func $f (export "f") (call $f))')
  expect(() => metered.used([], { fuel: 5_000 })).toThrow(/unreachable/)
})

const COUNT = '(local.set $n (i32.sub (local.get $n) (i32.const 1)))'
/** Loops of `n` rounds that call nothing, each left in another way. Each must put the counter back. */
const LEFT: Record<string, string> = {
  'falls through': `(loop ${COUNT} (br_if 0 (local.get $n)))`,
  branches: `(block (loop ${COUNT} (if (i32.eqz (local.get $n)) (then (br 2))) (br 0)))`,
  'branches on a condition': `(block (loop ${COUNT} (br_if 1 (i32.eqz (local.get $n))) (br 0)))`,
  'branches with a value': `(drop (block (result i32) (loop ${COUNT}
      (drop (br_if 1 (i32.const 7) (i32.eqz (local.get $n)))) (br 0)) (unreachable)))`,
  'branches by table': `(block (loop ${COUNT} (br_table 0 1 (i32.eqz (local.get $n)))))`,
  'branches on null': `(local $r funcref) (block (loop ${COUNT}
      (local.set $r (select (result funcref) (ref.null func) (ref.func $g) (i32.eqz (local.get $n))))
      (br_on_null 1 (local.get $r)) (drop) (br 0)))`,
  'branches on a cast': `(drop (block $b (result (ref i31)) (loop ${COUNT}
      (br_on_cast $b anyref (ref i31) (if (result anyref) (local.get $n) (then (ref.null any)) (else (ref.i31 (i32.const 1)))))
      (drop) (br 0)) (unreachable)))`,
  returns: `(loop ${COUNT} (if (i32.eqz (local.get $n)) (then (return))) (br 0))`,
  'branches to the end of the function': `(loop ${COUNT} (br_if 1 (i32.eqz (local.get $n))) (br 0))`,
  'is nested': `(block $out (loop $a ${COUNT} (loop $b (br_if $a (i32.and (local.get $n) (i32.const 1)))
      (br_if $out (i32.eqz (local.get $n))) ${COUNT} (br $a))))`,
}

describe('However a loop is left, the counter holds what is left:', () => {
  for (const [calls, after] of [
    ['', ''],
    [' in a function that calls', '(call $h)'],
  ])
    test.each(Object.entries(LEFT))(`it %s${calls}`, async (_, body) => {
      const metered = await meter(
        `${NOTHING} (elem declare func $g) (func (export "f") (param $n i32) ${body.startsWith('(local ') ? body.replace(') ', `) ${after} `) : `${after} ${body}`} ${after})`,
      )
      const [few, more, many] = [200, 400, 600].map((n) => metered.used([n]))
      expect(more! - few!).toBeGreaterThan(199)
      expect(many! - more!).toBe(more! - few!)
      expect(metered.left()).toBeGreaterThan(0)
    })
})

test('A trap within a loop that calls nothing costs all there is; any other what was used until then', async () => {
  const metered = await meter(`${NOTHING}
    (func (export "f") (loop (drop (i32.div_u (i32.const 1) (i32.const 0)))))
    (func (export "called") (loop (call $h) (drop (i32.div_u (i32.const 1) (i32.const 0)))))
    (func (export "said") (loop (unreachable)))
    (func (export "passed") (result i32) (local $i i32) (block (result i32) (loop (result i32)
      (drop (br_if 1 (i32.const 7) (i32.const 0)))
      (loop (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
      (i32.div_u (i32.const 1) (i32.const 0)))))
    (func (export "cast") (local $i i32) (block (result funcref) (loop
      (drop (br_on_cast 1 funcref (ref func) (ref.null func)))
      (i32.store (i32.const -1) (i32.const 0))) (ref.null func)) (drop))
    (func (export "null") (block (loop (drop (br_on_null 1 (ref.func $h))) (i32.store (i32.const -1) (i32.const 0)))))
    (func (export "set") (block (result (ref func)) (loop (br_on_non_null 1 (ref.null func))
      (i32.store (i32.const -1) (i32.const 0))) (ref.func $h)) (drop))
    (elem declare func $h) (memory 1)`)
  for (const name of ['f', 'passed', 'cast', 'null', 'set']) {
    expect(() => metered.used([], { name }), name).toThrow(/divide by zero|out of bounds/)
    expect(metered.left(), name).toBe(0)
  }
  for (const name of ['called', 'said']) {
    expect(() => metered.used([], { name })).toThrow()
    expect(metered.left()).toBeGreaterThan(FULL - 100)
  }
})

test('A function that is only a few instructions long is paid for by its caller', async () => {
  const small = await meter(
    '(func $g (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))) (func (export "f") (drop (call $g (i32.const 1))))',
  )
  const large = await meter(
    `(func $g (param i32) (result i32) ${'(i32.eqz '.repeat(40)} (local.get 0) ${')'.repeat(40)}) (func (export "f") (drop (call $g (i32.const 1))))`,
  )
  expect(large.used() - small.used()).toBe(41)
})

test('An arm that is large is paid for only when it is taken, a small one always', async () => {
  const arm = (size: number) =>
    meter(`(func (export "f") (param i32) (drop (i32.div_u (i32.const 1) (i32.const 1)))
    (if (local.get 0) (then (local.set 0 ${'(i32.eqz '.repeat(size)} (local.get 0) ${')'.repeat(size)}))))`)
  const [small, large] = [await arm(10), await arm(100)]
  expect(small.used([1])).toBe(small.used([0]))
  expect(large.used([1])).toBe(large.used([0]) + 101)
})

test('A loop around a large switch does not pay for all of it in each round', async () => {
  const cases = 200
  const arms = Array.from({ length: cases }, () => '(local.set $x (i32.mul (local.get $x) (local.get $x))) (br $next))')
  const metered = await meter(`(func (export "f") (param $n i32) (local $x i32)
    (loop $next (local.set $n (i32.sub (local.get $n) (i32.const 1))) (if (i32.eqz (local.get $n)) (then (return)))
      ${'(block '.repeat(cases)} (br_table ${Array.from({ length: cases }, (_, i) => i).join(' ')} (i32.rem_u (local.get $n) (i32.const ${cases}))))
      ${arms.slice(1).join(' ')}))`)
  expect(metered.used([1001]) - metered.used([1])).toBeLessThan(1000 * 120)
})

const MEMORY = `(memory 1) (data $d "${'x'.repeat(300)}")`
const TABLE = `(table 500 funcref) (func $g) (elem $e func ${'$g '.repeat(300)})`
const ARRAY = `(type $a (array (mut i32))) (type $b (array i8)) (data $d "${'x'.repeat(300)}")`
const FILLED = '(array.new_default $a (i32.const 400))'
/** What is done with a size, which is local 0, and what each of it costs. */
const SIZED: [name: string, per: number, fields: string, body: string][] = [
  ['memory.fill', 1, MEMORY, '(memory.fill (i32.const 0) (i32.const 7) (local.get 0))'],
  ['memory.copy', 1, MEMORY, '(memory.copy (i32.const 0) (i32.const 7) (local.get 0))'],
  ['memory.init', 1, MEMORY, '(memory.init $d (i32.const 0) (i32.const 0) (local.get 0))'],
  ['memory.fill of a loop', 1, MEMORY, '(loop (memory.fill (i32.const 0) (i32.const 7) (local.get 0)))'],
  ['table.fill', 32, TABLE, '(table.fill (i32.const 0) (ref.null func) (local.get 0))'],
  ['table.copy', 32, TABLE, '(table.copy (i32.const 0) (i32.const 1) (local.get 0))'],
  ['table.init', 32, TABLE, '(table.init $e (i32.const 0) (i32.const 0) (local.get 0))'],
  ['table.grow', 32, '(table 0 funcref)', '(drop (table.grow (ref.null func) (local.get 0)))'],
  ['array.new', 8, ARRAY, '(drop (array.new $a (i32.const 1) (local.get 0)))'],
  ['array.new_default', 8, ARRAY, '(drop (array.new_default $a (local.get 0)))'],
  ['array.new_data', 8, ARRAY, '(drop (array.new_data $b $d (i32.const 0) (local.get 0)))'],
  ['array.fill', 8, ARRAY, `(array.fill $a ${FILLED} (i32.const 0) (i32.const 1) (local.get 0))`],
  ['array.copy', 8, ARRAY, `(array.copy $a $a ${FILLED} (i32.const 0) ${FILLED} (i32.const 0) (local.get 0))`],
]

describe('What takes a size pays for it, before it is done:', () => {
  test.each(SIZED)('%s', async (_, per, fields, body) => {
    const sized = () => meter(`${fields} (func (export "f") (param i32) ${body})`)
    const metered = await sized()
    expect(metered.used([300]) - metered.used([100])).toBe(200 * per)
    const enough = metered.used([300])
    expect(() => metered.used([300], { fuel: enough - 1 })).toThrow(/unreachable/)
    expect(metered.left()).toBe(-1)
    const next = await sized()
    expect(next.used([300], { fuel: enough })).toBe(enough)
  })
})

test('A memory that grows pays for its bytes; what it may not have anyway costs nothing', async () => {
  const metered = await meter('(memory 1) (func (export "f") (param i32) (result i32) (memory.grow (local.get 0)))')
  const none = metered.used([0])
  expect(metered.used([2]) - none).toBe(2 * 65_536)
  expect(metered.used([SETTINGS.maxPages + 1])).toBe(none)
  expect(metered.used([-1])).toBe(none)
})

test('What a size costs cannot wrap around', async () => {
  const metered = await meter(
    '(memory 1) (func (export "f") (param i32) (memory.fill (i32.const 0) (i32.const 7) (local.get 0)))',
  )
  expect(() => metered.used([-1])).toThrow(/unreachable/)
  expect(metered.left()).toBeLessThan(-3e9)
})

test('A structure costs by its fields, an array by the elements it lists', async () => {
  const cost = async (fields: string, make: string): Promise<number> =>
    (await meter(`${fields} (func (export "f") (drop (i32.div_u (i32.const 1) (i32.const 1))) (drop ${make}))`)).used()
  const type = (size: number) => `(type $s (struct ${'(field i32) '.repeat(size)}))`
  expect((await cost(type(40), '(struct.new_default $s)')) - (await cost(type(4), '(struct.new_default $s)'))).toBe(36)
  const list = (size: number) => `(array.new_fixed $a ${size} ${'(i32.const 1) '.repeat(size)})`
  const array = '(type $a (array i32))'
  expect((await cost(array, list(40))) - (await cost(array, list(4)))).toBe(36)
})

describe('What is not metered is refused by its name:', () => {
  const REFUSED: Record<string, [fields: string, named: RegExp]> = {
    'relaxed SIMD': [
      '(func (drop (i32x4.relaxed_trunc_f32x4_s (v128.const i32x4 0 0 0 0))))',
      /relaxed SIMD, whose results differ/,
    ],
    'shared memories': ['(memory 1 1 shared)', /threads/],
    'imported shared memories': ['(import "host" "m" (memory 1 1 shared))', /threads/],
    atomics: ['(memory 1) (func (drop (i32.atomic.load (i32.const 0))))', /threads/],
    'memories with 64-bit addresses': ['(memory i64 1)', /memory64/],
    'tables with 64-bit addresses': ['(table i64 1 funcref)', /memory64/],
  }
  test.each(Object.entries(REFUSED))('%s', async (_, [fields, named]) => {
    const source = await parseWat(`(module ${fields})`)
    const prepare = () => prepareModule(source, SETTINGS)
    expect(prepare).toThrow(named)
    expect(prepare).toThrow(expect.objectContaining({ failure: 'bad-module' }))
  })
})

test('Vectors, and several memories, are metered', async () => {
  const vectors: Metered = await meter(`(memory 1) (memory $m 1) (func (export "f") (param i32)
    (v128.store (i32.const 0) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i64x2 1 2) (v128.load8_lane 3 (i32.const 0) (v128.const i64x2 1 2))))
    (memory.copy $m 0 (i32.const 0) (i32.const 0) (local.get 0)))`)
  expect(vectors.used([100]) - vectors.used([0])).toBe(100)
})
