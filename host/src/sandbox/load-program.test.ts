import { expect, test } from 'vitest'
import { FrameWriter } from '../frames.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { echo as command } from '../testing/build-command.ts'
import { buildModule, counting, echo, i32, op } from '../testing/build-module.ts'
import { loadProgram } from './load-program.ts'
import { CallSurroundings } from './surroundings.ts'

const SETTINGS = { name: 'actor', grants: [], environment: {}, limits: DEFAULT_LIMITS }
const load = (bytes: Uint8Array) => loadProgram('module', bytes, SETTINGS)
const WASI = { module: 'wasi_snapshot_preview1', name: 'proc_exit', type: [1, 0] as [number, number] }
const RESPONSE = { module: 'wapc', name: '__guest_response', type: [2, 0] as [number, number] }
const START = { name: '_start', kind: 0, index: 2 }
const functions = [
  { type: [2, 1] as [number, number], body: i32(1) },
  { type: [0, 0] as [number, number], body: [] },
]

test('The entry points of a module say which ABI it speaks', async () => {
  expect((await load(echo)).program.abi).toBe('wapc')
  expect((await load(command)).program.abi).toBe('wasi')
  const both = buildModule({ imports: [RESPONSE, WASI], functions, exports: [{ ...START, index: 3 }] })
  expect((await load(both)).program.abi).toBe('wapc')
})

test('A module with the entry points of neither ABI, or of both and no import of waPC, is refused and told why', async () => {
  const neither = buildModule({ entry: 'main', functions })
  await expect(load(neither)).rejects.toMatchObject({
    failure: 'bad-module',
    message: expect.stringMatching(/neither/),
  })
  const both = buildModule({ imports: [WASI], functions, exports: [START] })
  await expect(load(both)).rejects.toMatchObject({ failure: 'bad-module', message: expect.stringMatching(/both/) })
  const plain = buildModule({ functions, exports: [{ ...START, index: 1 }] })
  expect((await load(plain)).program.abi).toBe('wapc')
})

test('A module that was prepared loads again as it was, without another pass', async () => {
  for (const [source, reset] of [
    [echo, 'snapshot'],
    [counting([...i32(0), 0xd0, 0x70, op.tableSet, 0], { table: 2 }), 'fresh'],
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
