import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMessagePack, encodeMessagePack, type Packable } from '../../../message-pack.ts'
import { OutgoingBody } from './http-bodies.ts'
import { Fields } from './http-fields.ts'
import { IncomingRequest, type OutgoingRequest, type RequestOptions } from './http-requests.ts'
import { type FutureIncomingResponse, OutgoingResponse } from './http-responses.ts'
import { open, openWorld, refused } from './open-world.fixture.ts'
import { Pollable } from './pollable.ts'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text))
const text = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString()
/** What guests construct. */
type Types = {
  Fields: (new () => Fields) & { fromList(entries: [string, Uint8Array][]): Fields }
  OutgoingRequest: new (headers: Fields) => OutgoingRequest
  RequestOptions: new () => RequestOptions
}
const typesOf = (world: ReturnType<typeof openWorld>) => open(world, 'wasi:http/types') as unknown as Types
const worldOf = (answer?: Packable) => {
  const sent: unknown[] = []
  const world = openWorld({
    async invoke(_binding, capability, operation, payload) {
      sent.push([capability, operation, decodeMessagePack(payload)])
      if (answer === undefined) throw new Error('host/capability-denied: Expected a grant, found none')
      return encodeMessagePack(answer)
    },
  })
  return { world, sent, types: typesOf(world) }
}

test('What guests construct is what the host knows, without a world', () => {
  const { types } = worldOf()
  const fields = new types.Fields()
  expect(fields).toBeInstanceOf(Fields)
  expect(fields).toBeInstanceOf(types.Fields)
  expect(types.Fields.prototype).toBe(Fields.prototype)
})

test('Fields keep their order and spelling, and know no case', () => {
  const fields = worldOf().types.Fields.fromList([
    ['Set-Cookie', bytes('a=1')],
    ['Accept', bytes('*/*')],
  ])
  fields.append('set-cookie', bytes('b=2'))
  expect(fields.get('SET-COOKIE').map(text)).toEqual(['a=1', 'b=2'])
  fields.set('accept', [bytes('text/html')])
  fields.delete('missing')
  expect(fields.entries().map(([name, value]) => `${name}: ${text(value)}`)).toEqual([
    'Set-Cookie: a=1',
    'set-cookie: b=2',
    'accept: text/html',
  ])
  const copy = fields.clone()
  copy.delete('set-cookie')
  expect([fields.has('set-cookie'), copy.has('set-cookie'), copy.has('not a name')]).toEqual([true, false, false])
})

test.each([
  'Host',
  'connection',
  'Transfer-Encoding',
  'upgrade',
  'keep-alive',
  'proxy-authorization',
  'http2-settings',
])('The field %s is forbidden', (name) => {
  const { types } = worldOf()
  const fields = new types.Fields()
  const forbidden = { tag: 'forbidden' }
  expect(refused(() => fields.append(name, bytes('x')))).toEqual(forbidden)
  expect(refused(() => fields.set(name, [bytes('x')]))).toEqual(forbidden)
  expect(refused(() => fields.delete(name))).toEqual(forbidden)
  expect(refused(() => types.Fields.fromList([[name, bytes('x')]]))).toEqual(forbidden)
  expect(fields.entries()).toEqual([])
})

test('No name and no value of a field ends a line', () => {
  const fields = new Fields(openWorld())
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), fc.uint8Array(), (name, value) => {
      try {
        fields.set(name, [value])
        expect(name).toMatch(/^[\w!#$%&'*+.^`|~-]+$/)
        expect(Buffer.from(value).toString('latin1')).not.toMatch(/[\r\n\0\x7f]/)
      } catch (error) {
        expect(['invalid-syntax', 'forbidden']).toContain((error as { payload: { tag: string } }).payload.tag)
      }
    }),
    { numRuns: 1_000 },
  )
  for (const value of ['a\r\nb: c', 'a\n', '\0'])
    expect(
      refused(() => fields.append('x', bytes(value))),
      value,
    ).toEqual({ tag: 'invalid-syntax' })
})

test('Fields of what came, and of what was made, are immutable', () => {
  const world = openWorld()
  const parts = { method: 'GET', pathWithQuery: '/', authority: undefined, body: new Uint8Array(0) }
  const came = new IncomingRequest(world, { ...parts, fields: [['accept', bytes('*/*')]] })
  const made = new OutgoingResponse(world, new Fields(world, [['accept', bytes('*/*')]]))
  for (const message of [came, made]) {
    const headers = message.headers()
    for (const change of [
      () => headers.append('a', bytes('b')),
      () => headers.set('accept', []),
      () => headers.delete('accept'),
    ])
      expect(refused(change)).toEqual({ tag: 'immutable' })
    expect(message.headers().entries()).toHaveLength(1)
    const copy = headers.clone()
    copy.delete('accept')
    expect(headers.has('accept')).toBe(true)
  }
})

test('More fields than a message can have end the guest', () => {
  const { types } = worldOf()
  const many = Array.from({ length: 1_025 }, (_, i): [string, Uint8Array] => [`x${i}`, bytes('')])
  expect(() => types.Fields.fromList(many)).toThrow('1024 fields')
})

test('Bodies together take no more of the host than the limit', () => {
  const world = openWorld()
  const write = () =>
    new OutgoingResponse(world, new Fields(world))
      .body()
      .write()
      .write(new Uint8Array(1 << 20))
  expect(() => {
    for (let i = 0; i < 20; i++) write()
  }).toThrow('bytes in bodies and fields')
})

test('A body is written once, and not after it is finished', () => {
  const world = openWorld()
  const body = new OutgoingResponse(world, new Fields(world)).body()
  const stream = body.write()
  expect(refused(() => body.write())).toBe(undefined)
  stream.write(bytes('tea'))
  OutgoingBody.finish(body, undefined)
  expect(refused(() => stream.write(bytes('more')))).toEqual({ tag: 'closed' })
  expect(text(body.whole)).toBe('tea')
})

test('A part of a request in which another could hide is refused', () => {
  const { types } = worldOf()
  const request = new types.OutgoingRequest(new types.Fields())
  for (const path of ['@evil.example/', '/ HTTP/1.1', '/a\r\nHost: b', '//a b', '/#', 'evil'])
    expect(
      refused(() => request.setPathWithQuery(path)),
      path,
    ).toBe(undefined)
  for (const authority of ['a@b', 'a/b', 'a?b', 'a#b', 'a b', 'a:b', '', 'a\r\n'])
    expect(
      refused(() => request.setAuthority(authority)),
      authority,
    ).toBe(undefined)
  expect(refused(() => request.setMethod({ tag: 'other', val: 'GET /' }))).toBe(undefined)
  expect(refused(() => request.setScheme({ tag: 'other', val: 'a:b' }))).toBe(undefined)
  const response = new OutgoingResponse(openWorld(), new Fields(openWorld()))
  for (const status of [0, 99, 101, 199, 600, 65_535])
    expect(refused(() => response.setStatusCode(status))).toBe(undefined)
})

const requestTo = (types: Types) => {
  const request = new types.OutgoingRequest(types.Fields.fromList([['accept', bytes('*/*')]]))
  request.setAuthority('tea.example')
  request.setScheme({ tag: 'HTTP' })
  request.setPathWithQuery('?q=1')
  return request
}
const handle = (world: ReturnType<typeof openWorld>, request: OutgoingRequest, options?: RequestOptions) =>
  open(world, 'wasi:http/outgoing-handler')['handle']!(request, options) as FutureIncomingResponse

test('A request is sent once its body is whole, and its response comes without what is of one connection', async () => {
  const headers: Packable = [
    ['Connection', bytes('close')],
    ['x', bytes('y')],
  ]
  const { world, sent, types } = worldOf({ status: 404, headers, body: bytes('none') })
  const request = requestTo(types)
  request.setMethod({ tag: 'post' })
  const options = new types.RequestOptions()
  options.setConnectTimeout(1_000_000n)
  options.setFirstByteTimeout(1n)
  const body = request.body()
  const future = handle(world, request, options)
  await expect(future.subscribe().block()).rejects.toThrow('finished before its answer')
  body.write().write(bytes('tea'))
  expect(sent).toEqual([])
  OutgoingBody.finish(body, undefined)
  await future.subscribe().block()
  expect(sent).toEqual([
    [
      'wasi:http',
      'outgoing-handler.handle',
      [
        new Map<string, unknown>([
          ['method', 'POST'],
          ['url', 'http://tea.example/?q=1'],
          ['headers', [['accept', bytes('*/*')]]],
          ['body', bytes('tea')],
          ['timeoutMs', 2],
        ]),
      ],
    ],
  ])
  const outcome = future.get()
  if (outcome?.tag !== 'ok' || outcome.val.tag !== 'ok') throw new Error('Expected a response, found none')
  const response = outcome.val.val
  expect([response.status(), response.headers().entries()]).toEqual([404, [['x', bytes('y')]]])
  expect(text(response.consume().stream().read(100n))).toBe('none')
  expect(refused(() => response.consume())).toBe(undefined)
  expect(future.get()).toEqual({ tag: 'err', val: undefined })
})

test('Of a response and a moment that are waited for, the first counts', async () => {
  const slow = openWorld({ sleep: () => new Promise(() => {}), invoke: async () => encodeMessagePack(null) })
  const types = typesOf(slow)
  const poll = open(slow, 'wasi:io/poll')['poll']!
  const late = new Pollable(slow, 1n << 62n)
  const unsent = requestTo(types)
  unsent.body()
  const never = handle(slow, unsent).subscribe()
  expect([...((await poll([never, new Pollable(slow)])) as Uint32Array)]).toEqual([1])
  const soon = handle(slow, requestTo(types)).subscribe()
  expect([...((await poll([late, never, soon])) as Uint32Array)]).toEqual([2])
  const quick = openWorld({ invoke: () => new Promise(() => {}) })
  const pending = handle(quick, requestTo(typesOf(quick))).subscribe()
  const answer = open(quick, 'wasi:io/poll')['poll']!([pending, new Pollable(quick, 6_000_000_000n)])
  expect([...((await answer) as Uint32Array)]).toEqual([1])
})

test('What is refused is told by the code of HTTP, and a request without a host is not sent', async () => {
  const { world, sent, types } = worldOf()
  const future = handle(world, requestTo(types))
  expect(future.get()).toBe(undefined)
  await future.subscribe().block()
  expect(future.get()).toEqual({ tag: 'ok', val: { tag: 'err', val: { tag: 'HTTP-request-denied' } } })
  expect(refused(() => handle(world, new types.OutgoingRequest(new types.Fields())))).toEqual({
    tag: 'HTTP-request-URI-invalid',
  })
  expect(sent).toHaveLength(1)
})

test('A body that is dropped unfinished, or has another length than its header says, is not sent', async () => {
  const { world, sent, types } = worldOf({ status: 200, headers: [], body: bytes('') })
  const dropped = requestTo(types)
  const body = dropped.body()
  const future = handle(world, dropped)
  body[Symbol.dispose]()
  await future.subscribe().block()
  expect(future.get()).toMatchObject({ val: { tag: 'err' } })
  const lying = new types.OutgoingRequest(types.Fields.fromList([['content-length', bytes('2')]]))
  lying.setAuthority('tea.example')
  const short = lying.body()
  const other = handle(world, lying)
  expect(refused(() => OutgoingBody.finish(short, undefined))).toEqual({ tag: 'HTTP-request-body-size', val: 0n })
  await other.subscribe().block()
  expect(other.get()).toMatchObject({ val: { tag: 'err' } })
  expect(sent).toEqual([])
})

test('An answer that is none is an error, not a trap', async () => {
  for (const answer of [
    null,
    [],
    { status: -1, headers: [], body: bytes('') },
    { status: 200, headers: [['a']], body: 1 },
  ]) {
    const { world, types } = worldOf(answer as Packable)
    const future = handle(world, requestTo(types))
    await future.subscribe().block()
    expect(future.get()).toMatchObject({ val: { tag: 'err', val: { tag: 'internal-error' } } })
  }
})
