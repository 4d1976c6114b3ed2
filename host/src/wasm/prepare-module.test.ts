import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GuestFault } from '../abi/guest-fault.ts'
import { counting, echo, echoOf, forwarding, I32, i32, op, plain, spin } from '../testing/build-module.ts'
import { GLOBAL_EXPORT, prepareModule } from './prepare-module.ts'

const prepare = (bytes: Uint8Array, pages = 64) => prepareModule(bytes, pages)
const REF_FUNC = 0x70
const tableSet = [...i32(0), 0xd0, REF_FUNC, op.tableSet, 0]

test('Every mutable global gets an export, and the module stays valid', () => {
  const module = new WebAssembly.Module(prepare(counting()).bytes)
  expect(WebAssembly.Module.exports(module)).toContainEqual({ name: `${GLOBAL_EXPORT}0`, kind: 'global' })
})

test('A memory gets a maximum, and keeps a smaller one of its own', () => {
  for (const [max, expected] of [
    [undefined, 64],
    [8, 8],
    [1_000, 64],
  ] as const) {
    const memory = max === undefined ? { min: 2 } : { min: 2, max }
    const { bytes } = prepare(plain(i32(1), { memory }))
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {})
    const grown = instance.exports['memory'] as WebAssembly.Memory & { grow(pages: number): number }
    grown.grow(expected - 2)
    expect(() => grown.grow(1)).toThrow(RangeError)
  }
})

test('A memory that starts above the cap, is shared, or has 64-bit addresses is refused', () => {
  expect(() => prepare(echoOf(65))).toThrow(/at most 64 pages/)
  for (const flags of [2, 3, 4])
    expect(() => prepare(plain(i32(1), { memory: { min: 1, max: 2, flags } }))).toThrow(GuestFault)
})

test('Bytes that are no core module are refused', () => {
  for (const bytes of [[], [0, 0x61, 0x73, 0x6d], [0, 0x61, 0x73, 0x6d, 13, 0, 1, 0]])
    expect(() => prepare(Uint8Array.from(bytes))).toThrow(/core module of version 1/)
  expect(() => prepare(Uint8Array.from([...echo, 5, 3, 1, 0, 1]))).toThrow(/section 5 once/)
})

test('A module that writes tables, drops segments or uses what the scan does not know is to be made anew for each call', () => {
  expect(prepare(counting()).unresettable).toBeUndefined()
  expect(prepare(forwarding('wascc:keyvalue')).unresettable).toBeUndefined()
  const odd: number[][] = [
    tableSet,
    [0xfc, 9, 0],
    [0xfc, 13, 0],
    [0xfc, 15, 0],
    [0xfc, 17, 0],
    [0xfb, 0, 0],
    [0xfe, 0, 0],
    [0x06, 0x40],
  ]
  for (const body of odd) expect(prepare(plain([...body, ...i32(1)], { table: 1 })).unresettable).toMatch(/instruction/)
  const reference = plain(i32(1), { globals: [{ type: REF_FUNC, init: [0xd0, REF_FUNC] }] })
  expect(prepare(reference).unresettable).toMatch(/mutable global/)
})

test('Immediates that look like a table write are read as what they are', () => {
  const tableSetAsNumber = [
    ...i32(0x26),
    op.drop,
    op.localGet,
    0,
    op.drop,
    0x44,
    0x26,
    0,
    0xfc,
    13,
    0,
    0,
    0,
    0,
    op.drop,
  ]
  expect(prepare(plain([...tableSetAsNumber, ...i32(1)])).unresettable).toBeUndefined()
})

test('Damaged modules are refused as bad modules, never otherwise', () => {
  const sources = [
    echo,
    spin,
    counting(tableSet, { table: 2, globals: [{ type: I32, init: i32(0) }] }),
    forwarding('x'),
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...sources),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (source, changes, cut) => {
        const bytes = source.slice(0, 8 + (cut % (source.length - 7)))
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        try {
          prepare(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(GuestFault)
          expect((error as GuestFault).failure).toBe('bad-module')
        }
      },
    ),
    { numRuns: 500 },
  )
})
