import { expect, test } from 'vitest'
import * as modules from '../../testing/build-module.ts'
import { hostOfFile } from '../../testing/host-of-file.fixture.ts'
import { ask, image, refusal } from '../../testing/open-host.ts'
import { behavesAsAnActor } from '../abi.behavior.ts'

const { actor, data, forwarding, importOf, numbers, starting, startSpins } = modules

behavesAsAnActor({
  abi: 'wapc',
  echo: { bytes: modules.echo },
  fails: { bytes: await modules.failingWith('no tea today') },
  traps: { bytes: modules.trapsIfAsked },
  counts: { bytes: await modules.counting() },
  logs: { bytes: await modules.logging(3) },
  forwards: { bytes: await forwarding('wascc:keyvalue'), operation: 'Get' },
  spins: { bytes: modules.spin },
  grows: { bytes: modules.grow },
  world: { bytes: modules.wapcWorld },
  sleeps: 'waits through WASI, as its suite shows',
  greedy: { bytes: await actor(numbers(1), { imports: importOf('wapc', '__host_secrets') }) },
})

const served: string[] = []
const lines: string[] = []
const host = await hostOfFile({
  limits: { payloadBytes: 64, deadlineMs: 30_000 },
  invoke: async ({ payload }) => {
    served.push(Buffer.from(payload).toString())
    return Buffer.from('got it')
  },
  onLog: ({ text }) => lines.push(text),
})
const load = (name: string, bytes: Uint8Array, more = {}) =>
  host.load(image(name, bytes, { grants: ['wascc:keyvalue'], ...more }))

test('A payload or a name over its limit is refused in the sandbox already', async () => {
  const sending = (operation: number, payload: number) =>
    forwarding('wascc:keyvalue', numbers(operation), numbers(payload))
  await load('frugal', await sending(3, 64))
  expect(await ask(host, 'frugal')).toBe('got it')
  served.length = 0
  for (const [operation, payload] of [
    [3, 65],
    [257, 1],
  ] as const) {
    const name = `${operation} ${payload}`
    await load(name, await sending(operation, payload))
    expect(await refusal(ask(host, name))).toMatchObject({ message: expect.stringMatching(/^host\/payload-too-large/) })
  }
  expect(served).toEqual([])
})

test('A start has the fuel of a call, and what it used is not counted in the first call', async () => {
  const limits = { fuel: 50_000_000 }
  expect((await refusal(load('spins at start', startSpins, { limits }))).code).toBe('host/fuel-exhausted')
  const fuel = []
  for (const [name, body] of Object.entries({ idle: '', busy: '(drop (i32.const 1))'.repeat(1_000) })) {
    await load(name, await starting(body))
    fuel.push((await host.call({ actor: name, operation: 'run', payload: Buffer.alloc(0) })).fuel)
  }
  expect(fuel[1]).toBe(fuel[0])
})

test('Every call of the host has its price, also one that only tells a length', async () => {
  const fuelOf = async (body: string) => {
    await load(body, await actor(`${body} ${numbers(1)}`))
    return (await host.call({ actor: body, operation: 'run', payload: Buffer.alloc(0) })).fuel
  }
  const none = await fuelOf('(drop (i32.const 0))')
  for (const name of ['__host_response_len', '__host_error_len'])
    expect((await fuelOf(`(drop (call $${name}))`)) - none, name).toBeGreaterThanOrEqual(1_000)
})

test('A waPC actor may print by WASI, and end its _start by an exit code of 0', async () => {
  const print = `(drop (call $fd_write ${numbers(1, 0, 1, 8)}))`
  const printing = (code: number) =>
    actor(`${print} (call $__console_log ${numbers(16, 3)}) ${numbers(1)}`, {
      fields: `(func (export "_start") ${print} (call $proc_exit ${numbers(code)}))
        ${data(0, '\u0010\0\0\0\u0006\0\0\0')} ${data(16, 'one\ntw')}`,
      wasi: 'wasi_unstable',
    })
  expect(await refusal(load('exits', await printing(3)))).toMatchObject({
    code: 'host/trap',
    message: expect.stringMatching(/exit code 3/),
  })
  lines.length = 0
  await load('prints', await printing(0))
  expect(lines).toEqual(['one', 'tw'])
  await ask(host, 'prints')
  await ask(host, 'prints')
  expect(lines.slice(2)).toEqual(['one', 'one', 'tw', 'one', 'one', 'tw'])
})
