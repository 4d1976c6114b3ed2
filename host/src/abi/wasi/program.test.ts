import { describe, expect, test } from 'vitest'
import * as commands from '../../testing/build-command.ts'
import { importOf, numbers, silent } from '../../testing/build-module.ts'
import { prepareModule } from '../../wasm/prepare-module.ts'
import { stillWorld } from '../surroundings.fixture.ts'
import { Errno } from './errno.ts'
import { loadWasi } from './program.ts'

const SETTINGS = { maxPages: 64, maxTableElements: 100 }

function load(bytes: Uint8Array) {
  const prepared = prepareModule(bytes, SETTINGS)
  return loadWasi({ module: new WebAssembly.Module(prepared.bytes), unresettable: prepared.unresettable })
}

/** Runs a command as the sandbox does. */
async function run(bytes: Uint8Array, payload = '', limits: { fuel?: number; responseBytes?: number } = {}) {
  const lines: string[] = []
  const world = stillWorld({ name: 'kettle', log: (line) => void lines.push(line) }, limits)
  const guest = await load(bytes).instantiate(world)
  let failure: unknown
  const succeeded = await Promise.resolve()
    .then(() => guest.call(Buffer.from('brew'), Buffer.from(payload)))
    .catch((error: unknown) => {
      failure = error
      return false
    })
  const response = Buffer.from(guest.response.subarray(0, guest.responseLength)).toString()
  return { succeeded, failure, response, lines, error: guest.error, fuel: guest.fuel, exhausted: guest.exhausted }
}

describe('A WASI command', () => {
  test('answers on stdout what it is told on stdin, for either preview', async () => {
    for (const bytes of [commands.echo, commands.unstableEcho])
      expect(await run(bytes, 'tea')).toMatchObject({ succeeded: true, response: 'tea', lines: [] })
  })

  test('is told its name and the operation as its arguments', async () => {
    const bytes = await commands.command(`(drop (call $args_get ${numbers(64, 128)}))
      (i32.store ${numbers(0, 128)}) (i32.store ${numbers(4, 12)}) (drop (call $fd_write ${numbers(1, 0, 1, 8)}))`)
    expect(await run(bytes)).toMatchObject({ succeeded: true, response: 'kettle\0brew\0' })
  })

  test('fails with its exit code and its last words, which are console lines too', async () => {
    const said = 'no tea\nno milk'
    expect(await run(await commands.failingWith(said, 71))).toMatchObject({
      succeeded: false,
      error: `exit code 71: ${said}`,
      lines: ['no tea', 'no milk'],
    })
    expect(await run(await commands.failingWith('', 1))).toMatchObject({ succeeded: false, error: 'exit code 1' })
    expect(await run(await commands.failingWith('all is well', 0))).toMatchObject({
      succeeded: true,
      lines: ['all is well'],
    })
  })

  test('is told of a bad pointer, and cannot read past its memory', async () => {
    expect(await run(await commands.writesRange(65_500, 36))).toMatchObject({ succeeded: true })
    expect(await run(await commands.writesRange(65_500, 37))).toMatchObject({
      response: '',
      error: `exit code ${Errno.fault}`,
    })
  })

  test('pays for every call and every byte, and stops when it cannot', async () => {
    const [short, long] = [await run(commands.echo, 'x'), await run(commands.echo, 'x'.repeat(1_001))]
    expect(long.fuel - short.fuel).toBe(2_000)
    expect((await run(commands.echo, 'x')).fuel).toBe(short.fuel)
    expect(await run(commands.echo, 'x', { fuel: short.fuel })).toMatchObject({ succeeded: true })
    expect(await run(commands.echo, 'x', { fuel: short.fuel - 1 })).toMatchObject({ exhausted: true })
    expect(await run(commands.spin, '', { fuel: 10_000 })).toMatchObject({ exhausted: true, fuel: 10_000 })
  })

  test('pays for a start function too', async () => {
    const turn = `(global.set $n (i32.add (global.get $n) ${numbers(-1)}))`
    const fields = `(global $n (mut i32) ${numbers(50_000)}) (func $spin (loop ${turn} (br_if 0 (global.get $n))))`
    const spinning = await commands.command('', { fields: `${fields} (start $spin)` })
    const [busy, idle] = [await run(spinning), await run(await commands.command('', { fields }))]
    expect(busy.fuel - idle.fuel).toBeGreaterThan(50_000)
    expect(await run(spinning, '', { fuel: 40_000 })).toMatchObject({ exhausted: true })
  })

  test('does not load with an import that WASI does not have, nor without what a command has', async () => {
    for (const [module, name] of [
      ['wasi_snapshot_preview1', 'sock_connect'],
      ['env', 'abort'],
      ['wapc', '__host_call'],
      ['wasi_snapshot_preview2', 'fd_read'],
    ] as const) {
      const bytes = await commands.command('', { imports: importOf(module, name) })
      expect(() => load(bytes)).toThrow(
        expect.objectContaining({ failure: 'forbidden-import', message: expect.stringContaining(`${module}.${name}`) }),
      )
    }
    expect(() => load(silent)).toThrow(
      expect.objectContaining({ failure: 'bad-module', message: expect.stringContaining('_start') }),
    )
  })

  test('asks the host nothing before it has a memory', async () => {
    const fields = `(func $early (drop (call $random_get ${numbers(0, 9)}))) (start $early)`
    expect(await run(await commands.command('', { fields }))).toMatchObject({ failure: { failure: 'trap' } })
  })
})
