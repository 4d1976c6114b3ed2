import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Host } from '../../host.ts'
import * as modules from '../../testing/build-module.ts'
import { ask, image, openHost, refusal } from '../../testing/open-host.ts'
import { behavesAsAnActor } from '../abi.behavior.ts'

const { buildModule, forwarding, i32, op, plain, recursion } = modules

behavesAsAnActor({
  abi: 'wapc',
  echo: { bytes: modules.echo },
  fails: { bytes: modules.failingWith('no tea today') },
  traps: { bytes: modules.trapsIfAsked },
  counts: { bytes: modules.counting() },
  logs: { bytes: modules.logging(3) },
  forwards: { bytes: forwarding('wascc:keyvalue'), operation: 'Get' },
  spins: { bytes: modules.spin },
  grows: { bytes: modules.grow },
  world: { bytes: modules.wapcWorld },
  sleeps: 'waits through WASI, as its suite shows',
  greedy: { bytes: plain(i32(1), { imports: [{ module: 'wapc', name: '__host_secrets', type: [0, 0] }] }) },
})

const served: string[] = []
const lines: string[] = []
let host: Host
beforeAll(async () => {
  host = await openHost({
    limits: { payloadBytes: 64, deadlineMs: 10_000 },
    invoke: async ({ payload }) => {
      served.push(Buffer.from(payload).toString())
      return Buffer.from('got it')
    },
    onLog: ({ text }) => lines.push(text),
  })
})
afterAll(() => host[Symbol.asyncDispose]())
const load = (name: string, bytes: Uint8Array, more = {}) =>
  host.load(image(name, bytes, { grants: ['wascc:keyvalue'], ...more }))

const CALL: [number, number] = [2, 1]
const START: [number, number] = [0, 0]
const wasi = (name: string, parameters: number, results = 1) => ({
  ...{ module: 'wasi_unstable', name, type: [parameters, results] as [number, number] },
})
const spin = [op.loop, 0x40, op.br, 0, op.end]

test('A payload or a name over its limit is refused in the sandbox already', async () => {
  const sending = (operation: number, payload: number) =>
    forwarding('wascc:keyvalue', [], {}, { operation: i32(operation), payload: i32(payload) })
  await load('frugal', sending(3, 64))
  expect(await ask(host, 'frugal')).toBe('got it')
  served.length = 0
  for (const [name, bytes] of Object.entries({ 'long payload': sending(3, 65), 'long name': sending(257, 1) })) {
    await load(name, bytes)
    expect(await refusal(ask(host, name))).toMatchObject({ message: expect.stringMatching(/^host\/payload-too-large/) })
  }
  expect(served).toEqual([])
})

test('A stack that overflows is told as such, on the stack of a waiting call too', async () => {
  const waiting = forwarding('wascc:keyvalue', [], { functions: [{ type: CALL, body: recursion(8) }] })
  for (const [name, bytes] of Object.entries({ overflow: modules.overflow, waiting })) {
    await load(name, bytes)
    expect(await refusal(ask(host, name))).toMatchObject({ code: 'host/stack-overflow', kind: 'fault' })
  }
})

test('A start has the fuel of a call, and what it used is not counted in the first call', async () => {
  const starting = (...body: number[]) =>
    buildModule({
      functions: [
        { type: CALL, body: i32(1) },
        { type: START, body },
      ],
      exports: [{ name: 'wapc_init', kind: 0, index: 1 }],
    })
  const limits = { fuel: 50_000_000 }
  expect(await refusal(load('spins at start', starting(...spin), { limits }))).toMatchObject({
    code: 'host/fuel-exhausted',
  })
  const fuel = []
  for (const [name, bytes] of Object.entries({
    idle: starting(),
    busy: starting(
      ...Array(1000)
        .fill([...i32(1), op.drop])
        .flat(),
    ),
  })) {
    await load(name, bytes)
    fuel.push((await host.call({ actor: name, operation: 'run', payload: Buffer.alloc(0) })).fuel)
  }
  expect(fuel[1]).toBe(fuel[0])
})

test('A waPC actor may print by WASI, and end its _start by an exit code of 0', async () => {
  const print = [...i32(1), ...i32(0), ...i32(1), ...i32(8), op.call, 0, op.drop]
  const printing = (code: number) =>
    buildModule({
      imports: [wasi('fd_write', 4), wasi('proc_exit', 1, 0), { module: 'wapc', name: '__console_log', type: [2, 0] }],
      functions: [
        { type: CALL, body: [...print, ...i32(16), ...i32(3), op.call, 2, ...i32(1)] },
        { type: START, body: [...print, ...i32(code), op.call, 1] },
      ],
      exports: [{ name: '_start', kind: 0, index: 4 }],
      data: [
        [0, '\u0010\0\0\0\u0006\0\0\0'],
        [16, 'one\ntw'],
      ],
    })
  expect(await refusal(load('exits', printing(3)))).toMatchObject({
    code: 'host/trap',
    message: expect.stringMatching(/exit code 3/),
  })
  lines.length = 0
  await load('prints', printing(0))
  expect(lines).toEqual(['one', 'tw'])
  await ask(host, 'prints')
  await ask(host, 'prints')
  expect(lines.slice(2)).toEqual(['one', 'one', 'tw', 'one', 'one', 'tw'])
})
