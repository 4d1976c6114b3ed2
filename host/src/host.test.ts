import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CapabilityBroker } from './capability.ts'
import type { Host } from './host.ts'
import { HostError } from './host-error.ts'
import * as modules from './testing/build-module.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

const { counting, echo, echoOf, forwarding, i32, logging, op, plain } = modules
/** What a counting actor answers in its first call, and so in every one. */
const COUNTED_ONCE = [6, 1, 1, 1].map((count) => String.fromCharCode(count, 0, 0, 0)).join('')
const LIMITS = { payloadBytes: 4_096, responseBytes: 8_192, memoryPages: 64, loadMs: 1_000, deadlineMs: 10_000 }

describe('one host', () => {
  let host: Host
  const lines: string[] = []
  const broker: CapabilityBroker = async ({ actor, binding, capability, operation, payload }, signal) => {
    if (operation === 'fail') throw Object.assign(new Error('no such key'), { code: 'provider/unknown-operation' })
    if (operation === 'long') return Buffer.alloc(LIMITS.responseBytes + 1)
    if (operation === 'never')
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('ended'))))
    return Buffer.from([actor.name, binding, capability, operation, Buffer.from(payload)].join(' '))
  }

  beforeAll(async () => {
    host = await openHost({
      limits: LIMITS,
      invoke: broker,
      onLog: ({ actor, text }) => lines.push(`${actor.name}: ${text}`),
    })
    await host.load(image('echo', echo))
  })
  afterAll(() => host[Symbol.asyncDispose]())

  const load = (name: string, bytes: Uint8Array, more = {}) => host.load(image(name, bytes, more))

  test('An actor answers, and the answer names its release', async () => {
    const { payload, release } = await host.call({ actor: 'echo', operation: 'run', payload: Buffer.from('tea') })
    expect(Buffer.from(payload).toString()).toBe('tea')
    expect(release).toMatchObject({ name: 'echo', version: 1, digest: 'echo-1', publisher: '0xa11ce' })
  })

  test('Many calls at once get each their own answer', async () => {
    const asked = Array.from({ length: 300 }, (_, i) => `cup ${i}`)
    expect(await Promise.all(asked.map((text) => ask(host, 'echo', text)))).toEqual(asked)
  })

  test('An actor that is not loaded is refused by name', async () => {
    expect(await refusal(ask(host, 'nobody'))).toMatchObject({
      code: 'host/unknown-actor',
      message: expect.stringMatching(/nobody/),
    })
  })

  test('Nothing of a call is left for the next: not in memory, not in hidden globals, not as a stale answer', async () => {
    await load('counting', counting())
    for (let i = 0; i < 3; i++) expect(await ask(host, 'counting')).toBe(COUNTED_ONCE)
    await load('sometimes', modules.answersSometimes)
    expect(await ask(host, 'sometimes', 'x')).toBe('secret')
    expect(await ask(host, 'sometimes', '')).toBe('')
  })

  test('An actor that writes tables gets a fresh instance for each call', async () => {
    await load('tables', counting([...i32(0), 0xd0, 0x70, op.tableSet, 0], { table: 2 }))
    expect(host.list().find(({ name }) => name === 'tables')?.reset).toBe('fresh')
    for (let i = 0; i < 3; i++) expect(await ask(host, 'tables')).toBe(COUNTED_ONCE)
  })

  test('Memory that an actor got for one call is gone in the next', async () => {
    await load('growing', counting([...i32(1), op.memoryGrow, 0, op.drop], { memory: { min: 1 } }))
    for (let i = 0; i < 200; i++) expect(await ask(host, 'growing')).toBe(COUNTED_ONCE)
  })

  test('Any import but waPC keeps a module from loading, and is named', async () => {
    for (const [module, name] of [
      ['wasi_snapshot_preview9', 'fd_write'],
      ['env', 'exit'],
      ['wapc', '__host_secrets'],
    ] as const) {
      const bytes = plain(i32(1), { imports: [{ module, name, type: [0, 0] }] })
      expect(await refusal(load('importing', bytes))).toMatchObject({
        code: 'host/forbidden-import',
        message: expect.stringMatching(new RegExp(`${module}\\.${name}`)),
      })
    }
    expect(await refusal(ask(host, 'importing'))).toMatchObject({ code: 'host/unknown-actor' })
  })

  test('Bytes that are no module, a module without waPC, and a module over the size limit are refused', async () => {
    const bad = [
      Buffer.from('no module'),
      Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
      echo.slice(0, echo.length - 5),
      echoOf(65),
    ]
    for (const bytes of bad) expect(await refusal(load('bad', bytes))).toMatchObject({ code: 'host/bad-module' })
    expect(await refusal(load('bad', Buffer.alloc(host.limits.moduleBytes + 1)))).toMatchObject({
      code: 'host/bad-module',
    })
  })

  test('A payload, an operation or a response over its limit is refused', async () => {
    expect(await refusal(ask(host, 'echo', 'x'.repeat(LIMITS.payloadBytes + 1)))).toMatchObject({
      code: 'host/payload-too-large',
    })
    const operation = 'x'.repeat(host.limits.nameBytes + 1)
    expect(await refusal(ask(host, 'echo', '', { operation }))).toMatchObject({ code: 'host/payload-too-large' })
    await load('long', modules.answersWith(0, LIMITS.responseBytes + 1))
    expect(await refusal(ask(host, 'long'))).toMatchObject({ code: 'host/response-too-large' })
    expect(await ask(host, 'echo', 'x'.repeat(LIMITS.payloadBytes))).toHaveLength(LIMITS.payloadBytes)
  })

  test('A trap and pointers outside of memory end the call, not the sandbox', async () => {
    const [{ pid } = { pid: 0 }] = host.sandboxes()
    const broken = {
      trap: modules.trap,
      beyond: modules.answersWith(65_530, 10),
      negative: modules.answersWith(-4, 8),
      wrapping: modules.answersWith(8, -4),
      requesting: modules.requestsAt(65_534),
    }
    for (const [name, bytes] of Object.entries(broken)) {
      await load(name, bytes, { grants: ['wascc:keyvalue'] })
      expect(await refusal(ask(host, name, 'payload')), name).toMatchObject({ code: 'host/trap', kind: 'fault' })
    }
    expect(await ask(host, 'echo', 'still here')).toBe('still here')
    expect(host.sandboxes()).toEqual([{ publisher: '0xa11ce', pid }])
  })

  test('An actor that takes memory without end is stopped at its cap', async () => {
    await load('grow', modules.grow)
    expect(await refusal(ask(host, 'grow'))).toMatchObject({ code: 'host/out-of-memory' })
    expect(await ask(host, 'echo', 'still here')).toBe('still here')
  })

  test('An error of the actor passes through with its own text', async () => {
    await load('failing', modules.failing)
    expect(await refusal(ask(host, 'failing'))).toMatchObject({
      code: 'host/actor-error',
      message: expect.stringMatching(/no reason/),
    })
    await load('asking', forwarding('wascc:keyvalue'), { grants: ['wascc:keyvalue'] })
    expect(await refusal(ask(host, 'asking', '', { operation: 'fail' }))).toMatchObject({
      code: 'host/actor-error',
      message: 'provider/unknown-operation: no such key',
    })
  })

  test('A granted capability is reached with actor, binding, operation and payload', async () => {
    await load('granted', forwarding('wascc:keyvalue'), { grants: ['wascc:keyvalue'] })
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask(host, 'granted', `${i}`, { operation: 'Get' })),
    )
    expect(answers).toEqual(Array.from({ length: 40 }, (_, i) => `granted default wascc:keyvalue Get ${i}`))
    expect(await refusal(ask(host, 'granted', '', { operation: 'long' }))).toMatchObject({
      message: expect.stringMatching(/response-too-large/),
    })
  })

  test('A capability that was not granted is denied, and what was missing is named', async () => {
    await load('denied', forwarding('wascc:keyvalue'), { grants: ['wascc:logging'] })
    const error = await refusal(ask(host, 'denied', '', { operation: 'Get' }))
    expect(error.code).toBe('host/capability-denied')
    expect(error.message).toMatch(/granted \(wascc:logging\).*wascc:keyvalue Get/)
  })

  test('A capability call while a module starts keeps it from loading', async () => {
    const start = [...Array(8).fill(i32(0)).flat(), op.call, 2, op.drop]
    const bytes = forwarding('wascc:keyvalue', [], {
      functions: [
        { type: [2, 1], body: i32(1) },
        { type: [0, 0], body: start },
      ],
      start: 9,
    })
    expect(await refusal(load('eager', bytes, { grants: ['wascc:keyvalue'] }))).toMatchObject({ code: 'host/trap' })
  })

  test('A deadline inside a capability call ends the call and leaves the sandbox alone', async () => {
    await load('patient', forwarding('wascc:keyvalue'), { grants: ['wascc:keyvalue'] })
    const [{ pid } = { pid: 0 }] = host.sandboxes()
    expect(await refusal(ask(host, 'patient', '', { operation: 'never', deadlineMs: 50 }))).toMatchObject({
      code: 'host/deadline',
    })
    expect(await ask(host, 'patient', 'x')).toMatch(/ x$/)
    expect(host.sandboxes()[0]?.pid).toBe(pid)
  })

  test('A caller that gives up gets its own reason at once', async () => {
    const reason = new Error('tea is ready')
    const signal = AbortSignal.timeout(20)
    const operation = 'never'
    await expect(ask(host, 'patient', '', { operation, deadlineMs: 300, signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
    await expect(ask(host, 'echo', '', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await ask(host, 'echo', 'still here')).toBe('still here')
  })

  test('Console lines are passed on with the name of the actor', async () => {
    await load('chatty', logging(3))
    await ask(host, 'chatty', 'la')
    await ask(host, 'chatty', 'lo')
    expect(lines).toEqual([...Array(3).fill('chatty: la'), ...Array(3).fill('chatty: lo')])
  })

  test('An older version, the same version with other bytes, and another publisher are refused', async () => {
    await load('greeter', echo, { version: 3, digest: 'three' })
    expect(await refusal(load('greeter', echo, { version: 2 }))).toMatchObject({ code: 'host/version-rollback' })
    expect(await refusal(load('greeter', echo, { version: 3, digest: 'other' }))).toMatchObject({
      code: 'host/version-rollback',
    })
    expect(await refusal(load('greeter', echo, { version: 4, publisher: '0xb0b' }))).toMatchObject({
      code: 'host/publisher-mismatch',
    })
    host.unload('greeter')
    expect(await refusal(ask(host, 'greeter'))).toMatchObject({ code: 'host/unknown-actor' })
    expect(await refusal(load('greeter', echo, { version: 2 }))).toMatchObject({ code: 'host/version-rollback' })
  })

  test('The same version loaded again takes over its grants', async () => {
    await load('narrowed', forwarding('wascc:keyvalue'), { grants: ['wascc:keyvalue'] })
    expect(await ask(host, 'narrowed', 'x')).toMatch(/x$/)
    await load('narrowed', forwarding('wascc:keyvalue'), { grants: [] })
    expect(await refusal(ask(host, 'narrowed'))).toMatchObject({ code: 'host/capability-denied' })
  })
})

test('Errors say what kind they are, so that a caller knows whether to try again', () => {
  expect(new HostError('host/overloaded', 'x', { kind: 'unavailable' })).toMatchObject({
    name: 'HostError',
    kind: 'unavailable',
  })
  expect(new HostError('host/unknown-actor', 'x').kind).toBe('refused')
})
