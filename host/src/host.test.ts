import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CapabilityBroker } from './capability.ts'
import type { Host } from './host.ts'
import { HostError } from './host-error.ts'
import * as modules from './testing/build-module.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

const { actor, counting, echo, echoOf, forwarding, importOf, numbers, TABLE_SET } = modules
/** What a counting actor answers in its first call, and so in every one. */
const COUNTED_ONCE = [6, 1, 1, 1].map((count) => String.fromCharCode(count, 0, 0, 0)).join('')
const LIMITS = { payloadBytes: 4_096, responseBytes: 8_192, memoryPages: 64 }

describe('one host', () => {
  let host: Host
  const broker: CapabilityBroker = async ({ actor, binding, capability, operation, payload }, signal) => {
    if (operation === 'long') return Buffer.alloc(LIMITS.responseBytes + 1)
    if (operation === 'never')
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('ended'))))
    return Buffer.from([actor.name, binding, capability, operation, Buffer.from(payload)].join(' '))
  }

  beforeAll(async () => {
    host = await openHost({ limits: LIMITS, invoke: broker })
    await host.load(image('echo', echo))
  })
  afterAll(() => host[Symbol.asyncDispose]())

  const load = (name: string, bytes: Uint8Array, more = {}) => host.load(image(name, bytes, more))

  test('An actor answers, and the answer names its release', async () => {
    const { payload, release } = await host.call({ actor: 'echo', operation: 'run', payload: Buffer.from('tea') })
    expect(Buffer.from(payload).toString()).toBe('tea')
    expect(release).toMatchObject({ name: 'echo', version: 1, digest: 'echo-1', publisher: '0xa11ce' })
  })

  test('An actor that is not loaded is refused by name', async () => {
    expect(await refusal(ask(host, 'nobody'))).toMatchObject({
      code: 'host/unknown-actor',
      message: expect.stringMatching(/nobody/),
    })
  })

  test('Nothing of a call is left for the next: not in memory, not in hidden globals, not as a stale answer', async () => {
    await load('counting', await counting())
    for (let i = 0; i < 3; i++) expect(await ask(host, 'counting')).toBe(COUNTED_ONCE)
    await load('sometimes', modules.answersSometimes)
    expect(await ask(host, 'sometimes', 'x')).toBe('secret')
    expect(await ask(host, 'sometimes', '')).toBe('')
  })

  test('An actor that writes tables gets a fresh instance for each call', async () => {
    await load('tables', await counting(TABLE_SET, '(table 2 funcref)'))
    expect(host.list().find(({ name }) => name === 'tables')?.reset).toBe('fresh')
    for (let i = 0; i < 3; i++) expect(await ask(host, 'tables')).toBe(COUNTED_ONCE)
  })

  test('Memory that an actor got for one call is gone in the next', async () => {
    await load('growing', await counting('(drop (memory.grow (i32.const 1)))'))
    for (let i = 0; i < 200; i++) expect(await ask(host, 'growing')).toBe(COUNTED_ONCE)
  })

  test('Any import but waPC keeps a module from loading, and is named', async () => {
    for (const [module, name] of [
      ['wasi_snapshot_preview9', 'fd_write'],
      ['env', 'exit'],
      ['wapc', '__host_secrets'],
    ] as const) {
      const bytes = await actor(numbers(1), { imports: importOf(module, name) })
      expect(await refusal(load('importing', bytes))).toMatchObject({
        code: 'host/forbidden-import',
        message: expect.stringMatching(new RegExp(`${module}\\.${name}`)),
      })
    }
    expect((await refusal(ask(host, 'importing'))).code).toBe('host/unknown-actor')
  })

  test('Bytes that are no module, a module without waPC, and a module over the size limit are refused', async () => {
    const bad = [
      Buffer.from('no module'),
      Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
      echo.slice(0, echo.length - 5),
      await echoOf(65),
    ]
    for (const bytes of bad) expect((await refusal(load('bad', bytes))).code).toBe('host/bad-module')
    expect((await refusal(load('bad', Buffer.alloc(host.limits.moduleBytes + 1)))).code).toBe('host/bad-module')
  })

  test('A payload or an operation over its limit is refused', async () => {
    expect((await refusal(ask(host, 'echo', 'x'.repeat(LIMITS.payloadBytes + 1)))).code).toBe('host/payload-too-large')
    const operation = 'x'.repeat(host.limits.nameBytes + 1)
    expect((await refusal(ask(host, 'echo', '', { operation }))).code).toBe('host/payload-too-large')
    expect(await ask(host, 'echo', 'x'.repeat(LIMITS.payloadBytes))).toHaveLength(LIMITS.payloadBytes)
  })

  test('A trap and pointers outside of memory end the call, not the sandbox', async () => {
    const [{ pid } = { pid: 0 }] = host.sandboxes()
    const broken = {
      trap: modules.trap,
      beyond: await modules.answersWith(65_530, 10),
      negative: await modules.answersWith(-4, 8),
      wrapping: await modules.answersWith(8, -4),
      requesting: await modules.requestsAt(65_534),
    }
    for (const [name, bytes] of Object.entries(broken)) {
      await load(name, bytes, { grants: ['wascc:keyvalue'] })
      expect(await refusal(ask(host, name, 'payload')), name).toMatchObject({ code: 'host/trap', kind: 'fault' })
    }
    expect(await ask(host, 'echo', 'still here')).toBe('still here')
    expect(host.sandboxes()).toEqual([{ publisher: '0xa11ce', pid }])
  })

  test('An actor that fails without a reason is said to', async () => {
    await load('failing', modules.failing)
    expect(await refusal(ask(host, 'failing'))).toMatchObject({
      code: 'host/actor-error',
      message: expect.stringMatching(/no reason/),
    })
  })

  test('A granted capability is reached with actor, binding, operation and payload', async () => {
    await load('patient', await forwarding('wascc:keyvalue'), { grants: ['wascc:keyvalue'] })
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask(host, 'patient', `${i}`, { operation: 'Get' })),
    )
    expect(answers).toEqual(Array.from({ length: 40 }, (_, i) => `patient default wascc:keyvalue Get ${i}`))
    expect(await refusal(ask(host, 'patient', '', { operation: 'long' }))).toMatchObject({
      message: expect.stringMatching(/response-too-large/),
    })
  })

  test('A capability call while a module starts keeps it from loading', async () => {
    const start = `(start $start) (func $start (drop (call $__host_call ${numbers(0, 0, 0, 0, 0, 0, 0, 0)})))`
    const bytes = await actor(numbers(1), { fields: start })
    expect((await refusal(load('eager', bytes, { grants: ['wascc:keyvalue'] }))).code).toBe('host/trap')
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

  test('An older version, the same version with other bytes, and another publisher are refused', async () => {
    await load('greeter', echo, { version: 3, digest: 'three' })
    expect((await refusal(load('greeter', echo, { version: 2 }))).code).toBe('host/version-rollback')
    expect((await refusal(load('greeter', echo, { version: 3, digest: 'other' }))).code).toBe('host/version-rollback')
    expect((await refusal(load('greeter', echo, { version: 4, publisher: '0xb0b' }))).code).toBe(
      'host/publisher-mismatch',
    )
    host.unload('greeter')
    expect((await refusal(ask(host, 'greeter'))).code).toBe('host/unknown-actor')
    expect((await refusal(load('greeter', echo, { version: 2 }))).code).toBe('host/version-rollback')
  })
})

test('Errors say what kind they are, so that a caller knows whether to try again', () => {
  expect(new HostError('host/overloaded', 'x', { kind: 'unavailable' })).toMatchObject({
    name: 'HostError',
    kind: 'unavailable',
  })
  expect(new HostError('host/unknown-actor', 'x').kind).toBe('refused')
})
