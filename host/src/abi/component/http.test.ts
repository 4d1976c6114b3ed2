import { decode, encode } from '@msgpack/msgpack'
import { expect, test } from 'vitest'
import type { CapabilityInvocation } from '../../capability.ts'
import { hostOfFile } from '../../testing/host-of-file.fixture.ts'
import { ask, image, refusal } from '../../testing/open-host.ts'
import { componentFixture } from '../../testing/parse-wat.ts'

const asked: CapabilityInvocation[] = []
const host = await hostOfFile({
  limits: { deadlineMs: 30_000 },
  invoke: async (invocation) => {
    asked.push(invocation)
    return Buffer.from(encode(Buffer.from('kept tea')))
  },
})
const component = await componentFixture('http')
await host.load(image('http', component, { grants: ['wasi:keyvalue'] }))
await host.load(image('bare', component))

const send = async (path: string, more: Record<string, unknown> = {}, actor = 'http') => {
  const request = {
    method: 'POST',
    path,
    queryString: '',
    header: { host: 'tea.example' },
    body: Buffer.from('tea'),
    ...more,
  }
  const payload = encode(request)
  const { payload: answer } = await host.call({ actor, operation: 'HandleRequest', payload })
  return decode(answer) as { statusCode: number; header: Record<string, unknown>; body: Uint8Array }
}
const failure = (path: string, more: Record<string, unknown> = {}, actor = 'http') => refusal(send(path, more, actor))

test('A component answers an HTTP request', async () => {
  const body = Buffer.alloc(300_000, 'tea')
  const answer = await send('/echo', { queryString: 'a=1', body })
  expect(answer).toMatchObject({ statusCode: 200, header: { 'x-path': '/echo?a=1' } })
  expect(Buffer.from(answer.body).equals(body)).toBe(true)
})

test('The length of a body is what it is: a header that says so is left out, one that lies fails the answer', async () => {
  expect((await send('/c')).header).toEqual({ 'x-path': '/c' })
  expect(await failure('/c', { body: Buffer.from('four') })).toMatchObject({
    code: 'host/actor-error',
    message: expect.stringContaining('unfinished'),
  })
})

test.each([
  ['/never', 'a response to be set'],
  ['/unfinished', 'unfinished'],
  ['/x', 'HTTP error HTTP-request-denied'],
])('No whole response is an error of the actor: %s', async (path, text) => {
  expect(await failure(path)).toMatchObject({ code: 'host/actor-error', message: expect.stringContaining(text) })
})

test('A body without an end, and one beyond the limit, are cut off', async () => {
  expect(await failure('/giant')).toMatchObject({ code: 'host/response-too-large' })
  expect(await failure('/echo', { body: Buffer.alloc((1 << 20) + 1) })).toMatchObject({
    code: 'host/payload-too-large',
  })
})

test('A capability is asked in its own terms', async () => {
  expect(Buffer.from((await send('/k', { body: Buffer.alloc(0) })).body).toString()).toBe('kept tea')
  expect(asked.map(({ capability, operation, payload }) => [capability, operation, decode(payload)])).toEqual([
    ['wasi:keyvalue', 'store.get', ['bucket', 'key']],
  ])
})

test('A call answers from its trace as it did from the capability', async () => {
  const request = { method: 'GET', path: '/k', queryString: '', header: {}, body: new Uint8Array(0) }
  const call = { actor: 'http', operation: 'HandleRequest', payload: encode(request) }
  const first = await host.call({ ...call, trace: true })
  asked.length = 0
  const again = await host.call({ ...call, replay: first.trace! })
  expect([again.payload, again.fuel]).toEqual([first.payload, first.fuel])
  expect(asked).toEqual([])
})

test('Without the grant the component is told, and when it gives up, that is why', async () => {
  expect(await failure('/k', {}, 'bare')).toMatchObject({
    code: 'host/capability-denied',
    message: expect.stringContaining('wasi:keyvalue'),
  })
})

test('Another operation than HandleRequest is refused', async () => {
  expect(await refusal(ask(host, 'http', ''))).toMatchObject({
    code: 'host/actor-error',
    message: expect.stringContaining('operation that the component answers'),
  })
})

test('A malformed request does not reach the component', async () => {
  expect(await failure('no slash')).toMatchObject({
    code: 'host/actor-error',
    message: expect.stringContaining('Expected an HTTP request in MessagePack'),
  })
})
