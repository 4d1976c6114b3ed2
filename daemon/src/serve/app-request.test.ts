import { decode, encode } from '@msgpack/msgpack'
import { digestOf, utf8 } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { createAppRoutes } from '../provision/find-route.ts'
import { createParts } from './parts.fixture.ts'
import type { Call, ServeParts } from './parts.ts'
import { createServer } from './server.ts'

const actor = { name: 'pages', version: 1, sha256: digestOf(utf8('pages')), grants: [] }
const routes = createAppRoutes(() => [
  { app: 'shop', path: '/', actor: 'pages', methods: [] },
  { app: 'shop', path: '/orders', actor: 'pages', methods: ['POST'] },
])

/** A server of the app `shop`, whose actor answers with `payload`. */
async function serve(payload: Uint8Array, seen: Call[] = []) {
  const caller: ServeParts['caller'] = {
    call(call, done) {
      seen.push(call)
      done({ outcome: 'ok', payload, actor })
    },
  }
  return createServer(createParts({ caller, apps: routes }))
}

test('A request to an app reaches its actor as waSCC actors take it, and its answer comes back with a receipt', async () => {
  const seen: Call[] = []
  const answer = {
    statusCode: 201,
    status: 'Created',
    header: { 'content-type': 'text/plain', 'x-tea': 'green' },
    body: utf8('done'),
  }
  await using server = await serve(encode(answer), seen)
  const response = await fetch(`${server.url}/apps/shop/orders/7?cup=2`, {
    method: 'POST',
    body: 'milk',
    headers: { 'x-a': 'b' },
  })
  expect(response.status).toBe(201)
  expect(await response.text()).toBe('done')
  expect(response.headers.get('x-tea')).toBe('green')
  expect(response.headers.get('teapot-receipt')).not.toBeNull()
  expect(seen[0]).toMatchObject({ actor: 'pages', operation: 'HandleRequest' })
  expect(decode(Uint8Array.from(seen[0]!.payload))).toMatchObject({
    ...{ method: 'POST', path: '/orders/7', queryString: 'cup=2', body: utf8('milk') },
    header: expect.objectContaining({ 'x-a': 'b' }),
  })
})

test('The path of an app alone is its root, and an old actor may answer with an array of numbers and a stray byte', async () => {
  const seen: Call[] = []
  const old = Buffer.concat([encode({ statusCode: 200, status: 'OK', header: {}, body: [104, 105] }), Buffer.of(0)])
  await using server = await serve(old, seen)
  expect(await (await fetch(`${server.url}/apps/shop`)).text()).toBe('hi')
  expect(decode(Uint8Array.from(seen[0]!.payload))).toMatchObject({ path: '/' })
})

test('What belongs to the connection, the node or the origin is not the actor’s to say', async () => {
  const header = {
    ...{
      'Set-Cookie': 'a=b',
      'access-control-allow-origin': 'null',
      'teapot-receipt': 'forged',
      'content-length': '1',
    },
    ...{ 'content-security-policy': 'none', 'x-split': 'a\r\nx-b: c', 'x bad': 'name', 'transfer-encoding': 'chunked' },
    ...{ 'Clear-Site-Data': '"*"', 'strict-transport-security': 'max-age=9', 'alt-svc': 'h2=":1"', nel: '{}' },
    ...{ 'report-to': '{}', 'reporting-endpoints': 'a="/b"', 'WWW-Authenticate': 'Basic realm="tea"' },
    ...{ 'service-worker-allowed': '/', 'use-as-dictionary': 'match="/*"', 'accept-ch': 'sec-ch-ua-model' },
  }
  await using server = await serve(encode({ statusCode: 200, header, body: utf8('page') }))
  const { headers } = await fetch(`${server.url}/apps/shop/`)
  expect(headers.get('set-cookie')).toBeNull()
  expect(headers.get('x-split')).toBeNull()
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.get('content-length')).toBe('4')
  expect(headers.get('teapot-receipt')).not.toBe('forged')
  expect(headers.get('content-security-policy')).toMatch(/^sandbox (?!.*allow-same-origin)/)
  const ofTheOrigin =
    'Clear-Site-Data strict-transport-security alt-svc nel report-to reporting-endpoints www-authenticate service-worker-allowed use-as-dictionary accept-ch'
  for (const name of ofTheOrigin.split(' ')) expect(headers.has(name), name).toBe(false)
})

test.each([
  ['no MessagePack', Uint8Array.of(0xc1)],
  ['nothing', new Uint8Array(0)],
  ['a text', encode('200')],
  ['no status', encode({ header: {}, body: utf8('x') })],
  ['a status of 100', encode({ statusCode: 100, header: {}, body: utf8('x') })],
  ['a body of text', encode({ statusCode: 200, header: {}, body: 'x' })],
  [
    'a body of a number beyond all bytes',
    Buffer.from('82aa737461747573436f6465ccc8a4626f647991cf1000000000000000', 'hex'),
  ],
  ['a body of numbers that are no bytes', encode({ statusCode: 200, header: {}, body: [104, 256] })],
  ['lists in lists, each of 33 million values that are not there', Buffer.from('dd01ffffff'.repeat(20_000), 'hex')],
])('An answer that is %s is told as such, with its receipt', async (_, payload) => {
  await using server = await serve(payload)
  const response = await fetch(`${server.url}/apps/shop/`)
  expect(response.status).toBe(502)
  expect(await response.json()).toMatchObject({ code: 'serve/malformed-response' })
  expect(response.headers.get('teapot-receipt')).not.toBeNull()
})

test('An unknown app, a method that the manifest does not name, and a malformed name are refused', async () => {
  await using server = await serve(new Uint8Array(0))
  const status = async (path: string, method = 'GET') => (await fetch(`${server.url}${path}`, { method })).status
  expect(await status('/apps/unknown/')).toBe(404)
  expect(await status('/apps/shop/orders')).toBe(405)
  expect(await status('/apps/SHOP/')).toBe(400)
  expect(await status('/apps/')).toBe(404)
})
