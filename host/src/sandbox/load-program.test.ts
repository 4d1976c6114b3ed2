import { expect, test } from 'vitest'
import { FrameWriter } from '../frames.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { echo as command } from '../testing/build-command.ts'
import { counting, echo, moduleOf, TABLE_SET } from '../testing/build-module.ts'
import { loadProgram } from './load-program.ts'
import { CallSurroundings } from './surroundings.ts'

const SETTINGS = { name: 'actor', grants: [], environment: {}, limits: DEFAULT_LIMITS }
const load = (bytes: Uint8Array) => loadProgram('module', bytes, SETTINGS)
const call = '(func (export "__guest_call") (param i32 i32) (result i32) (i32.const 1))'
const start = '(func (export "_start"))'
const usesWapc = '(func (call $__guest_response (i32.const 0) (i32.const 0)))'
const usesWasi = '(func (call $proc_exit (i32.const 0)))'

test.each([
  ['waPC', 'wapc', echo],
  ['WASI', 'wasi', command],
  ['both, with imports of both', 'wapc', await moduleOf(call + start + usesWapc + usesWasi)],
  ['both, without imports', 'wapc', await moduleOf(call + start)],
])('A module with the entry points of %s speaks %s', async (_, abi, bytes) => {
  expect((await load(bytes)).program.abi).toBe(abi)
})

test('A module with the entry points of neither ABI, or of both and no import of waPC, is refused and told why', async () => {
  for (const [fields, why] of [
    ['(func (export "main"))', /neither/],
    [call + start + usesWasi, /both/],
  ] as const)
    await expect(load(await moduleOf(fields))).rejects.toMatchObject({
      failure: 'bad-module',
      message: expect.stringMatching(why),
    })
})

test('A module that was prepared loads again as it was, without another pass', async () => {
  for (const [source, reset] of [
    [echo, 'snapshot'],
    [await counting(TABLE_SET, '(table 2 funcref)'), 'fresh'],
  ] as const) {
    const { program, prepared } = await load(source)
    const again = await loadProgram('prepared', prepared!, SETTINGS)
    expect([program.reset, again.program.reset, again.prepared]).toEqual([reset, reset, undefined])
  }
  await expect(loadProgram('prepared', new Uint8Array(9), SETTINGS)).rejects.toMatchObject({ failure: 'bad-module' })
})

test('A module that only says that it was prepared has no instances', async () => {
  const { program } = await loadProgram('prepared', Uint8Array.of(1, ...echo), SETTINGS)
  const pipe = { writer: new FrameWriter(() => {}), open: new Map() }
  const surroundings = new CallSurroundings(pipe, SETTINGS, { loadId: 0, onWait: () => {}, replay: undefined })
  expect(() => program.instantiate(surroundings)).toThrow(/metered module/)
})

test('Bytes that are no component bundle are refused', async () => {
  await expect(loadProgram('component', echo, SETTINGS)).rejects.toMatchObject({ failure: 'bad-module' })
})
