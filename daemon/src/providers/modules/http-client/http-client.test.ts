import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProviderSupervisor } from '../../supervisor.ts'
import { ask, isRefused, openWorkbench, refusal, type Workbench } from '../../testing/open-providers.fixture.ts'
import { exchange } from './exchange.ts'

interface Told {
  method: string
  url: string
  headers: NodeJS.Dict<string | string[]>
  body: string
}

let bench: Workbench
let server: Server
let elsewhere: Server
let port: number
let otherPort: number
let supervisor: ProviderSupervisor
/** What the servers were asked. */
const told: Told[] = []

const note = async (request: IncomingMessage) =>
  void told.push({ method: request.method!, url: request.url!, headers: request.headers, body: await text(request) })

const answer: RequestListener = async (request, response) => {
  await note(request)
  const { pathname, searchParams } = new URL(request.url!, 'http://x')
  if (pathname === '/echo') response.setHeader('x-two', ['a', 'b']).end(told.at(-1)!.body)
  else if (pathname === '/to')
    response.writeHead(Number(searchParams.get('status')), { location: searchParams.get('at')! }).end()
  else if (pathname === '/large') response.end(Buffer.alloc(1 << 20))
  else if (pathname === '/endless')
    response.on('close', () => told.push({ method: 'CLOSED', url: '', headers: {}, body: '' })).write('x')
  else if (pathname === '/gzip') response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(1 << 22)))
  else if (pathname === '/headers') response.setHeader('x-large', 'x'.repeat(40_000)).end()
  else if (pathname === '/cut')
    response.writeHead(200, { 'content-length': '100' }).write('short', () => response.destroy())
  else if (pathname === '/status') response.writeHead(418, 'Tea').end()
  else response.end('ok')
}

beforeAll(async () => {
  bench = await openWorkbench('http-client')
  server = createServer(answer)
  elsewhere = createServer(answer)
  ;[port, otherPort] = (await Promise.all([server, elsewhere].map(listen))) as [number, number]
  const exceptions = ['127.0.0.1', '::1'].flatMap((address) => [`${address}`])
  supervisor = bench.supervise({ operator: { 'http-client': { private: { shop: exceptions } } } })
  await supervisor.load(bench.image('http-client', { grants: ['net'] }))
})
afterAll(async () => {
  await supervisor?.[Symbol.asyncDispose]()
  for (const one of [server, elsewhere]) one?.closeAllConnections()
  for (const one of [server, elsewhere]) one?.close()
  await bench[Symbol.asyncDispose]()
})

function listen(one: Server): Promise<number> {
  return new Promise((done) => one.listen(0, '127.0.0.1', () => done((one.address() as { port: number }).port)))
}
const here = (path: string) => `http://127.0.0.1:${port}${path}`
const there = (path: string) => `http://127.0.0.1:${otherPort}${path}`
const settings = (more = {}) => ({
  allow: `http://127.0.0.1:${port}`,
  private: '127.0.0.1,::1',
  ...more,
})
const both = () => settings({ allow: `http://127.0.0.1:${port},http://127.0.0.1:${otherPort}` })

interface Answer {
  statusCode: number
  status: string
  header: Record<string, string>
  body: Uint8Array
}
const perform = (request: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  ask(
    supervisor,
    'PerformRequest',
    { method: 'GET', queryString: '', header: {}, body: new Uint8Array(0), ...request },
    { actor: 'shop', capability: 'wascc:http_client', settings: settings(), ...more },
  ) as Promise<Answer>
const handle = (request: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  ask(supervisor, 'outgoing-handler.handle', [{ method: 'GET', headers: [], body: new Uint8Array(0), ...request }], {
    ...{ actor: 'shop', capability: 'wasi:http', settings: settings() },
    ...more,
  }) as Promise<{ status: number; headers: [string, Uint8Array][]; body: Uint8Array }>

test('Method, query, headers and body arrive, and the answer comes back whole', async () => {
  const header = { 'X-Tea': 'grün', Host: 'evil.example', Connection: 'keep-alive', 'Transfer-Encoding': 'chunked' }
  const asked = { method: 'post', path: here('/echo'), queryString: 'a=1', header, body: Buffer.from('hello') }
  const response = await perform(asked)
  expect(response).toMatchObject({ statusCode: 200, status: 'OK', body: Uint8Array.from(Buffer.from('hello')) })
  expect(response.header['x-two']).toBe('a, b')
  const { method, url, headers, body } = told.at(-1)!
  expect({ method, url, body }).toEqual({ method: 'POST', url: '/echo?a=1', body: 'hello' })
  expect(Buffer.from(headers['x-tea'] as string, 'latin1').toString()).toBe('grün')
  expect(headers).toMatchObject({ host: `127.0.0.1:${port}`, connection: 'close', 'content-length': '5' })
  expect(headers['transfer-encoding']).toBeUndefined()
  expect(headers['accept-encoding']).toBeUndefined()
  expect(await perform({ path: here('/status') })).toMatchObject({ statusCode: 418, status: 'Tea' })
  const early = ['GET', here('/echo'), '', {}, [1, 2]]
  expect(
    await ask(supervisor, 'PerformRequest', early, {
      actor: 'shop',
      capability: 'wascc:http_client',
      settings: settings(),
    }),
  ).toMatchObject([200, 'OK', {}, Uint8Array.of(1, 2)])
})

test('Outgoing WASI requests carry headers as pairs of bytes, and redirects are their answer', async () => {
  const headers = [
    ['x-two', Uint8Array.of(97)],
    ['x-two', Uint8Array.of(0xe9)],
  ]
  const response = await handle({ method: 'PUT', url: here('/echo'), headers, body: Uint8Array.of(1, 0, 255) })
  expect(response.status).toBe(200)
  expect(told.at(-1)!.headers['x-two']).toBe('a, é')
  expect(response.headers.filter(([name]) => name === 'x-two')).toEqual([
    ['x-two', Uint8Array.of(97)],
    ['x-two', Uint8Array.of(98)],
  ])
  const before = told.length
  expect(await handle({ url: here('/to?status=302&at=/echo') })).toMatchObject({ status: 302 })
  expect(told.length).toBe(before + 1)
})

test('Nothing is asked that the allow-list does not name; an empty one names nothing', async () => {
  const before = told.length
  for (const allow of [
    '',
    'api.example.com',
    `https://127.0.0.1:${port}`,
    'http://127.0.0.1',
    `http://localhost:${port}`,
  ])
    await isRefused(perform({ path: here('/') }, { settings: settings({ allow }) }), 'provider/not-allowed', allow)
  await isRefused(perform({ path: here('/') }, { settings: {} }), 'provider/not-allowed')
  await isRefused(perform({ path: here('/') }, { settings: settings({ allow: '///' }) }), 'provider/bad-settings')
  expect(told.length).toBe(before)
})

test('A private address is refused in whatever form, also behind a name, unless owner and binding except it', async () => {
  const before = told.length
  const refused = { code: 'provider/address-refused' }
  const hosts = [
    '127.0.0.1',
    'localhost',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '127.1',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
  ]
  for (const host of hosts) {
    const path = `http://${host}:${port}/`
    const allow = `http://*:${port}`
    await isRefused(perform({ path }, { settings: { allow } }), refused, host)
    await isRefused(perform({ path }, { settings: settings({ allow }), actor: 'other' }), refused, host)
  }
  const onlyOther = settings({ private: `127.0.0.1:${otherPort}` })
  await isRefused(perform({ path: here('/') }, { settings: onlyOther }), refused)
  expect(told.length).toBe(before)
  const byName = settings({ allow: `http://localhost:${port}` })
  expect(await perform({ path: `http://localhost:${port}/` }, { settings: byName })).toMatchObject({ statusCode: 200 })
})

test('The address that was checked is the one that is connected to: the name is not looked up again', async () => {
  const url = new URL(`http://name-that-changed.invalid:${port}/`)
  const request = { method: 'GET', url, headers: [], body: new Uint8Array(0) }
  const addresses = [{ address: '127.0.0.1', family: 4 as const }]
  const options = { addresses, ca: undefined, maxBodyBytes: 100, signal: new AbortController().signal }
  expect(await exchange(request, options)).toMatchObject({ status: 200 })
  expect(told.at(-1)!.headers.host).toBe(url.host)
})

describe('redirects', () => {
  const to = (at: string, status = 302) => here(`/to?status=${status}&at=${encodeURIComponent(at)}`)

  test('are followed within the allow-list, and an origin beyond it is refused', async () => {
    expect(await perform({ path: to('/echo?x') })).toMatchObject({ statusCode: 200 })
    expect(told.at(-1)!.url).toBe('/echo?x')
    const before = told.length
    for (const at of [there('/'), 'https://127.0.0.1/', '//evil.example/'])
      await isRefused(perform({ path: to(at) }), 'provider/not-allowed', at)
    for (const at of ['file:///etc/passwd', `http://u:p@127.0.0.1:${port}/`, 'http://['])
      await isRefused(perform({ path: to(at) }), 'provider/bad-url', at)
    expect(told.length).toBe(before + 6)
  })

  test('to a private address are refused, though the allow-list has its name', async () => {
    const more = { settings: { allow: `${both().allow},http://localhost:${otherPort}`, private: `127.0.0.1:${port}` } }
    const before = told.length
    for (const at of [there('/'), `http://localhost:${otherPort}/`])
      await isRefused(perform({ path: to(at) }, more), 'provider/address-refused', at)
    expect(told.length).toBe(before + 2)
  })

  test('to another origin lose all headers that might be credentials', async () => {
    const header = { Authorization: 'Bearer t', Cookie: 'c=1', 'X-Api-Key': 'k', Accept: 'text/plain' }
    await perform({ path: to('/echo'), header })
    expect(told.at(-1)!.headers).toMatchObject({ authorization: 'Bearer t', cookie: 'c=1', 'x-api-key': 'k' })
    await perform({ path: to(there('/echo')), header }, { settings: both() })
    const { accept, authorization, cookie, 'x-api-key': key } = told.at(-1)!.headers
    expect({ accept, authorization, cookie, key }).toEqual({ accept: 'text/plain' })
  })

  test.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [302, 'PUT', 'PUT', 'tea'],
    [307, 'POST', 'POST', 'tea'],
    [308, 'PATCH', 'PATCH', 'tea'],
    [303, 'HEAD', 'HEAD', ''],
  ])('with %i make of a %s a %s', async (status, method, then, body) => {
    const sent = method === 'HEAD' ? new Uint8Array(0) : Buffer.from('tea')
    await perform({ method, path: to('/echo', status), body: sent, header: { 'content-type': 'text/plain' } })
    expect(told.at(-1)).toMatchObject({ method: then, body })
    expect(told.at(-1)!.headers['content-type']).toBe(body === '' && then === 'GET' ? undefined : 'text/plain')
  })

  test('without end are refused after five', async () => {
    const before = told.length
    const loop = here('/to?status=302&at=')
    await isRefused(perform({ path: loop }), 'provider/too-many-redirects')
    expect(told.length).toBe(before + 6)
  })
})

test('An answer that is too large, too slow, cut off, or has too many headers is refused, and the connection is closed', async () => {
  await isRefused(perform({ path: here('/large') }), 'provider/response-too-large')
  await isRefused(perform({ path: here('/headers') }), 'provider/unreachable')
  await isRefused(perform({ path: here('/cut') }), 'provider/unreachable')
  await isRefused(handle({ url: here('/endless'), timeoutMs: 3_000 }), {
    code: 'provider/deadline',
    kind: 'unavailable',
  })
  await expect.poll(() => told.at(-1)!.method).toBe('CLOSED')
})

test('What is compressed stays so: a bomb costs no more than its bytes', async () => {
  const { body, header } = await perform({ path: here('/gzip') })
  expect(header['content-encoding']).toBe('gzip')
  expect(body.length).toBeLessThan(10_000)
})

test('A caller that goes away takes its request with it', async () => {
  const controller = new AbortController()
  const asked = perform({ path: here('/endless') }, { signal: controller.signal })
  await expect.poll(() => told.at(-1)!.url).toBe('/endless')
  controller.abort(new Error('gone'))
  await expect(asked).rejects.toThrow('gone')
  await expect.poll(() => told.at(-1)!.method).toBe('CLOSED')
})

test('A server that is not there, or a name that nobody has, is unreachable', async () => {
  const allow = `http://127.0.0.1:1,http://nobody.invalid`
  for (const path of ['http://127.0.0.1:1/', 'http://nobody.invalid/'])
    await isRefused(
      perform({ path }, { settings: settings({ allow }) }),
      {
        code: 'provider/unreachable',
        kind: 'unavailable',
      },
      path,
    )
})

test('What HTTP cannot carry is refused', async () => {
  for (const path of ['', 'teapot', 'ftp://a.example/', 'http://u:p@127.0.0.1/', 'data:,x'])
    await isRefused(perform({ path }), 'provider/bad-url', path)
  const malformed = { code: 'provider/malformed-payload' }
  for (const method of ['', 'CONNECT', 'TRACE', 'GET / HTTP/1.1\r\n', 'BREW'])
    await isRefused(perform({ method, path: here('/') }), malformed, method)
  for (const header of [{ 'a b': 'x' }, { a: 'x\r\ny: z' }, { '': 'x' }, { a: 'x'.repeat(20_000) }, { a: 1 }, []])
    await isRefused(perform({ path: here('/'), header }), malformed)
  await isRefused(handle({ url: here('/'), headers: [['a', 1]] }), malformed)
  await isRefused(handle({ url: here('/'), timeoutMs: -1 }), malformed)
})

test('A server over TLS must be known: by a public authority, or one that the owner of the machine set', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'teapot-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
  ]
  execFileSync('openssl', [...made, '-subj', '/CN=tea', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'], {
    stdio: 'ignore',
  })
  const ca = readFileSync(cert, 'utf8')
  const secure = createSecureServer({ key: readFileSync(key), cert: ca }, answer)
  const securePort = await listen(secure as unknown as Server)
  rmSync(folder, { recursive: true })
  const operator = { private: { shop: ['127.0.0.0/8', '::1'] }, ca }
  await using knowing = bench.supervise({ operator: { 'http-client': operator } })
  await knowing.load(bench.image('http-client', { grants: ['net'] }))
  const request = { method: 'GET', queryString: '', header: {}, body: new Uint8Array(0) }
  const get = (by: ProviderSupervisor, host: string) =>
    ask(
      by,
      'PerformRequest',
      { ...request, path: `https://${host}:${securePort}/` },
      {
        ...{ actor: 'shop', capability: 'wascc:http_client' },
        settings: settings({ allow: `https://*:${securePort}` }),
      },
    )
  try {
    expect(await get(knowing, 'localhost')).toMatchObject({ statusCode: 200 })
    const wrongName = await refusal(get(knowing, '127.0.0.1'))
    expect(wrongName).toMatchObject({ code: 'provider/unreachable', message: expect.stringMatching(/altnames|IP/i) })
    await isRefused(get(supervisor, 'localhost'), 'provider/unreachable')
  } finally {
    secure.close()
  }
})
