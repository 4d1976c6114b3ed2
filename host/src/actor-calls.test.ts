import { expect, test } from 'vitest'
import type { CapabilityInvocation } from './capability.ts'
import type { HostError } from './host-error.ts'
import { echo, forwarding, silent, spin, trap } from './testing/build-module.ts'
import { hostOfFile } from './testing/host-of-file.fixture.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'
import { claimsOf, embed, subject } from './testing/sign-module.ts'

const KEYVALUE = 'wascc:keyvalue'
const asked: CapabilityInvocation[] = []
const host = await hostOfFile({
  limits: { callDepth: 3 },
  invoke: async (invocation) => {
    asked.push(invocation)
    return invocation.payload
  },
})
await host.load(image('echo', echo))

const load = async (name: string, capability: string, more = {}) =>
  host.load(image(name, await forwarding(capability), { grants: [capability], ...more }))

test('An actor calls another that it was granted by name, also of another publisher', async () => {
  await load('asking', 'actor:echo')
  expect(await ask(host, 'asking', 'tea')).toBe('tea')
  await load('stranger', 'actor:echo', { publisher: '0xb0b' })
  expect(await ask(host, 'stranger', 'tea')).toBe('tea')
})

test('An actor that was not granted another is denied, and told so', async () => {
  await load('curious', 'actor:echo', { grants: ['actor:other', KEYVALUE] })
  expect(await refusal(ask(host, 'curious'))).toMatchObject({
    code: 'host/capability-denied',
    message: expect.stringMatching(/granted \(actor:other.*actor:echo/),
  })
})

test('The actor that is called has its own rights, not those of its caller', async () => {
  await load('unprivileged', KEYVALUE, { grants: [] })
  await load('privileged', 'actor:unprivileged', { grants: ['actor:unprivileged', KEYVALUE] })
  expect(await refusal(ask(host, 'privileged', 'x'))).toMatchObject({
    code: 'host/actor-error',
    message: expect.stringMatching(/host\/capability-denied.*unprivileged/),
    release: { name: 'privileged' },
  })
})

test('Who serves a capability is told through which actors the call came', async () => {
  await load('last', KEYVALUE)
  await load('middle', 'actor:last')
  await load('first', 'actor:middle')
  asked.length = 0
  expect(await ask(host, 'first', 'x')).toBe('x')
  expect(asked).toMatchObject([{ actor: { name: 'last' }, origin: [{ name: 'first' }, { name: 'middle' }] }])
})

test('A circle of calls ends at the depth limit, and each in it gets its answer', async () => {
  await load('circle', 'actor:circle')
  expect(await refusal(ask(host, 'circle', 'x'))).toMatchObject({
    code: 'host/actor-error',
    message: expect.stringMatching(/host\/call-too-deep: Expected at most 3 actors/),
  })
  expect(host.list().find(({ name }) => name === 'circle')?.active).toBe(0)
})

test('An actor that is not loaded, and one that fails, are errors of the capability', async () => {
  await load('lonely', 'actor:nobody')
  expect((await refusal(ask(host, 'lonely'))).message).toMatch(/^host\/unknown-actor: .*nobody/)
  await host.load(image('trap', trap))
  await load('unlucky', 'actor:trap')
  expect(await refusal(ask(host, 'unlucky'))).toMatchObject({
    code: 'host/actor-error',
    message: expect.stringMatching(/^host\/trap: trap v1/),
  })
})

test('A call of another actor ends with the deadline of its caller', async () => {
  await host.load(image('spin', spin, { publisher: '0xbad' }))
  await load('patient', 'actor:spin')
  const before = host.sandboxes().find(({ publisher }) => publisher === '0xbad')?.pid
  expect((await refusal(ask(host, 'patient', '', { deadlineMs: 3_000 }))).code).toBe('host/deadline')
  const killed = () => host.sandboxes().every(({ pid }) => pid !== before)
  // With a deadline of its own it would go on for longer.
  await expect.poll(killed, { timeout: 20_000 }).toBe(true)
})

test('A waSCC actor calls another by its public key, as far as it is of the same publisher or granted by name', async () => {
  const signed = embed(claimsOf(echo), echo)
  // The key lies where the operation would be written: these calls have none.
  const call = (actor: string) => ask(host, actor, 'tea', { operation: '' })
  await load('by-key', subject)
  expect((await refusal(call('by-key'))).message).toMatch(/^host\/unknown-actor: .*with the key M/)
  await host.load(image('impostor', signed, { publisher: '0xbad' }))
  expect((await refusal(call('by-key'))).message).toMatch(/^host\/unknown-actor/)
  await host.load(image('keyed', signed))
  expect(await call('by-key')).toBe('tea')
  await load('by-name', subject, { publisher: '0xb0b', grants: ['actor:keyed'] })
  expect(await call('by-name')).toBe('tea')
  await load('ungranted', subject, { grants: [KEYVALUE] })
  expect((await refusal(call('ungranted'))).code).toBe('host/capability-denied')
})

test('Many actors that call another at once are all answered', async () => {
  const asked = Array.from({ length: 100 }, (_, i) => `cup ${i}`)
  expect(await Promise.all(asked.map((text) => ask(host, 'asking', text)))).toEqual(asked)
})

test('An actor that swallows a refusal and goes on has succeeded', async () => {
  await host.load(image('fine', silent))
  expect(await ask(host, 'fine')).toBe('')
})

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable(),
    (error: HostError) => error,
  )
const tea = { actor: 'first', operation: 'run', payload: Buffer.from('tea') }

test('A result tells what its actor called, and what that called in turn', async () => {
  const { calls, fuel } = await host.call(tea)
  const asked = { operation: 'run', payload: tea.payload, outcome: 'ok', answer: tea.payload, fuel: expect.any(Number) }
  expect(calls).toMatchObject([{ ...asked, release: { name: 'middle' }, calls: [{ ...asked, calls: [] }] }])
  expect(calls[0]!.calls[0]!.release.name).toBe('last')
  expect(Math.min(fuel, calls[0]!.fuel!, calls[0]!.calls[0]!.fuel!)).toBeGreaterThan(0)
  expect((await host.call({ ...tea, actor: 'last' })).calls).toEqual([])
})

test('A failure tells what its actor had called, failures of that included, and no refusals before that was reached', async () => {
  const { calls } = await failureOf(ask(host, 'unlucky'))
  expect(calls).toMatchObject([{ release: { name: 'trap' }, outcome: 'host/trap', calls: [] }])
  expect(Buffer.from(calls![0]!.answer).toString()).toMatch(/^trap v1: /)
  for (const actor of ['lonely', 'curious']) expect((await failureOf(ask(host, actor))).calls).toEqual([])
  expect((await failureOf(ask(host, 'echo', 'x'.repeat(2 << 20)))).calls).toBeUndefined()
})

test('What comes of one call is bounded, in calls and in bytes, however deep', async () => {
  await using tight = await openHost({ limits: { actorCalls: 2, actorCallBytes: 20 } })
  const load = async (name: string, to: string) =>
    tight.load(image(name, await forwarding(`actor:${to}`), { grants: [`actor:${to}`] }))
  await tight.load(image('echo', echo))
  await load('one', 'echo')
  await load('two', 'one')
  await load('three', 'two')
  expect(await ask(tight, 'two', 'tea')).toBe('tea')
  expect((await refusal(ask(tight, 'three', 'tea'))).message).toMatch(/host\/too-many-actor-calls: .*at most 2 calls/)
  expect((await refusal(ask(tight, 'one', 'x'.repeat(21)))).code).toBe('host/too-many-actor-calls')
  expect((await refusal(ask(tight, 'two', 'x'.repeat(11)))).message).toMatch(/host\/too-many-actor-calls/)
})
