import { expect, test } from 'vitest'
import { hostOfFile } from '../../testing/host-of-file.fixture.ts'
import { ask, image, refusal } from '../../testing/open-host.ts'
import { componentFixture, parseWat } from '../../testing/parse-wat.ts'
import { behavesAsAnActor } from '../abi.behavior.ts'

const actor = await componentFixture('actor')
const world = await componentFixture('world')

behavesAsAnActor({
  abi: 'component',
  echo: { bytes: actor, operation: 'echo' },
  fails: { bytes: actor, operation: 'fail' },
  traps: { bytes: actor, operation: 'trap' },
  counts: { bytes: actor, operation: 'count' },
  logs: { bytes: actor, operation: 'log' },
  forwards: { bytes: actor, operation: 'key-value' },
  spins: { bytes: actor, operation: 'spin' },
  grows: { bytes: actor, operation: 'grow' },
  world: { bytes: world, operation: 'world', decode: (response) => Buffer.from(response).toString('hex') },
  sleeps: { bytes: world, operation: 'zzz' },
  greedy: { bytes: await parseWat('(component (import "wasi:nn/graph@0.2.0" (instance)))') },
})

const lines: string[] = []
const host = await hostOfFile({ limits: { deadlineMs: 30_000 }, onLog: ({ text }) => lines.push(text) })

test('A command gets the payload as stdin, answers by stdout, and writes to the console by stderr', async () => {
  await host.load(image('command', await componentFixture('command')))
  expect(await ask(host, 'command', 'tea')).toBe('tea')
  const large = 'tea '.repeat(40_000)
  expect(await ask(host, 'command', large)).toBe(large)
  expect(lines).toEqual(['copying', 'copying'])
})

test('A command fails by its exit code, with the last that it said', async () => {
  expect(await refusal(ask(host, 'command', 'tea', { operation: 'fail' }))).toMatchObject({
    code: 'host/actor-error',
    message: expect.stringMatching(/exit code 1: copying$/),
  })
})

test('Functions of another world are called by name, with JSON', async () => {
  await host.load(image('functions', await componentFixture('functions')))
  const call = (operation: string, ...values: unknown[]) =>
    ask(host, 'functions', JSON.stringify(values), { operation }).then(JSON.parse)
  expect(await call('add-all', ['1', 2, '18446744073709551610'])).toBe('18446744073709551613')
  for (const name of ['demo:pairs/api#swap-pair', 'demo:pairs/api@1.2.0#swap-pair', 'demo:pairs/api#swapPair'])
    expect(await call(name, ['tea', 'AAEC']), name).toEqual(['AAEC', 'tea'])
  const refused = async (operation: string, ...values: unknown[]) => (await refusal(call(operation, ...values))).message
  expect(await refused('demo:pairs/api#swap-pair', ['teapot', ''])).toContain('"too long"')
  expect(await refused('add-all')).toContain('Expected 1 values as arguments')
  expect(await refused('add-all', ['x'])).toContain('Expected a whole number as text as arguments[0][0]')
  for (const name of ['init', 'sum', 'toString', '#add-all', 'demo:pairs/api'])
    expect(await refused(name), name).toContain('Expected an operation that the component answers')
  expect(await refusal(ask(host, 'functions', '7]', { operation: 'add-all' }))).toMatchObject({
    code: 'host/actor-error',
    message: expect.stringContaining('Expected arguments as a JSON array'),
  })
})

test('A component that calls itself without end overflows its stack, which is told from a trap', async () => {
  const endless = `(component
    (core module $main (func $run (export "run") (call $run)))
    (core instance $main (instantiate $main))
    (func $run (canon lift (core func $main "run")))
    (export "run" (func $run)))`
  await host.load(image('endless', await parseWat(endless)))
  expect(await refusal(ask(host, 'endless', ''))).toMatchObject({ code: 'host/stack-overflow', kind: 'fault' })
})

test('A function that is called as what JavaScript waits for is a function like any other', async () => {
  const then = `(component
    (core module $main (func (export "then") (result i32) (i32.const 7)))
    (core instance $main (instantiate $main))
    (func $then (result u32) (canon lift (core func $main "then")))
    (export "then" (func $then)))`
  await host.load(image('then', await parseWat(then)))
  expect(await ask(host, 'then', '', { operation: 'then' })).toBe('7')
})

test('A component that exports nothing to call does not load', async () => {
  expect(await refusal(host.load(image('silent', await parseWat('(component)'))))).toMatchObject({
    code: 'host/bad-module',
    message: expect.stringContaining('teapot:actor/handler'),
  })
})

test('A component that waits while it starts does not load', async () => {
  const waiting = `(component
    (import "wasi:io/poll@0.2.0" (instance $poll
      (export "pollable" (type $pollable (sub resource)))
      (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
      (alias outer 1 $pollable (type $outer))
      (export "pollable" (type $pollable (eq $outer)))
      (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
    (core func $block (canon lower (func $poll "[method]pollable.block")))
    (core func $subscribe (canon lower (func $clock "subscribe-duration")))
    (core module $main
      (import "wasi" "block" (func $block (param i32)))
      (import "wasi" "subscribe" (func $subscribe (param i64) (result i32)))
      (func $start (call $block (call $subscribe (i64.const 1000000))))
      (start $start)
      (func (export "run")))
    (core instance $main (instantiate $main (with "wasi" (instance
      (export "block" (func $block)) (export "subscribe" (func $subscribe))))))
    (func $run (canon lift (core func $main "run")))
    (export "run" (func $run)))`
  expect((await refusal(host.load(image('waiting', await parseWat(waiting))))).code).toBe('host/trap')
})
