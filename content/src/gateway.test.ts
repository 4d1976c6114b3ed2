import { writeFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import { digestOf, TeapotError } from '@teapot-network/trust'
import fc from 'fast-check'
import { expect } from 'vitest'
import { blockKey, cidOfRaw } from './cid.ts'
import { parseGatewayPath } from './gateway-path.ts'
import { fileBlock, type Scratch, someBytes, test } from './scratch.fixture.ts'
import { TrafficCounter } from './traffic.ts'

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** Unlike fetch this sends any path as it is. */
function ask(
  base: string,
  path: string,
  options: { method?: string; headers?: { [name: string]: string } } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, ...options }, (response) => {
      const { statusCode, headers } = response
      const whole = response.toArray().then((parts) => ({ status: statusCode!, headers, body: Buffer.concat(parts) }))
      whole.then(resolve, reject)
    })
    outgoing.once('error', reject).end()
  })
}

async function site(scratch: Scratch) {
  const node = await scratch.node()
  const page = await node.addDirectory([
    { path: 'index.html', bytes: Buffer.from('<script type=module src=js/app.js></script>') },
    { path: 'js/app.js', bytes: Buffer.from('hello()') },
    { path: 'a b/ü.txt', bytes: Buffer.from('x') },
    { path: 'big.bin', bytes: someBytes(2 ** 21 + 9) },
  ])
  return { node, page, base: await scratch.serve(node.gateway) }
}

test('a raw block is served with its CID as etag, for ever', async ({ scratch }) => {
  const { node, base } = await site(scratch)
  const cid = await node.add(someBytes(1_000))
  const byFormat = await ask(base, `/ipfs/${cid}?format=raw`)
  const byAccept = await ask(base, `/ipfs/${cid}`, { headers: { accept: 'application/vnd.ipld.raw' } })
  for (const { status, headers, body } of [byFormat, byAccept]) {
    expect(status).toBe(200)
    expect(new Uint8Array(body)).toEqual(someBytes(1_000))
    expect(headers).toMatchObject({
      'content-type': 'application/vnd.ipld.raw',
      'content-length': '1000',
      etag: `"${cid}.raw"`,
      'cache-control': 'public, max-age=29030400, immutable',
      'x-content-type-options': 'nosniff',
    })
  }
  const head = await ask(base, `/ipfs/${cid}?format=raw`, { method: 'HEAD' })
  expect(head).toMatchObject({ status: 200, headers: { 'content-length': '1000' }, body: Buffer.alloc(0) })
  const known = await ask(base, `/ipfs/${cid}?format=raw`, { headers: { 'if-none-match': `"${cid}.raw"` } })
  expect(known).toMatchObject({ status: 304, body: Buffer.alloc(0) })
})

test('a page opens under its CID, each file with its media type', async ({ scratch }) => {
  const { page, base } = await site(scratch)
  const index = await ask(base, `/ipfs/${page}/`)
  expect(index.body.toString()).toContain('js/app.js')
  expect(index.headers['content-type']).toBe('text/html; charset=utf-8')
  expect((await ask(base, `/ipfs/${page}/index.html`)).body).toEqual(index.body)
  const script = await ask(base, `/ipfs/${page}/js/app.js`)
  expect(script).toMatchObject({ status: 200, headers: { 'content-type': 'text/javascript; charset=utf-8' } })
  expect((await ask(base, `/ipfs/${page}/a%20b/%C3%BC.txt`)).body.toString()).toBe('x')
  expect(digestOf((await ask(base, `/ipfs/${page}/big.bin`)).body)).toBe(digestOf(someBytes(2 ** 21 + 9)))
  expect(await ask(base, `/ipfs/${page}`)).toMatchObject({ status: 301, headers: { location: `/ipfs/${page}/` } })
})

test('a page of one file opens under its CID alone, and what is no page is only bytes', async ({ scratch }) => {
  const { node, base } = await site(scratch)
  const page = await node.add(Buffer.from('\n<!DOCTYPE html><title>x</title>'))
  expect((await ask(base, `/ipfs/${page}`)).headers['content-type']).toBe('text/html; charset=utf-8')
  const bytes = await node.add(Buffer.from('x <!doctype html>'))
  expect((await ask(base, `/ipfs/${bytes}`)).headers['content-type']).toBe('application/octet-stream')
})

test('a page gets no origin of its own, so that it is neither the console nor another page', async ({ scratch }) => {
  const { page, base } = await site(scratch)
  const { headers } = await ask(base, `/ipfs/${page}/`)
  expect(headers['content-security-policy']).toMatch(/^sandbox /)
  expect(headers['content-security-policy']).not.toContain('allow-same-origin')
})

test('what is not here is 404', async ({ scratch }) => {
  const { page, base } = await site(scratch)
  const absent = cidOfRaw(someBytes(77))
  const paths = [
    '/',
    '/api',
    '/ipfs',
    '/ipns/x',
    `/ipfs/${absent}`,
    `/ipfs/${absent}?format=raw`,
    `/ipfs/${page}/nothing`,
    `/ipfs/${page}/js/`,
    `/ipfs/${page}/js/app.js/`,
    `/ipfs/${page}/js/app.js/x`,
    `/ipfs/${page}/../secret`,
    `/ipfs/${page}/%2e%2e/%2e%2e/etc/passwd`,
  ]
  for (const path of paths) expect([path, (await ask(base, path)).status]).toEqual([path, 404])
})

test('what makes no sense is 400, and says what was expected', async ({ scratch }) => {
  const { page, base } = await site(scratch)
  const paths = [
    '/ipfs/',
    '/ipfs/nonsense',
    '/ipfs/bafkqaaa',
    `/ipfs/${page}/%`,
    `/ipfs/${page}/a%2Fb`,
    `/ipfs/${page}/a%00`,
    `/ipfs/${page}//js`,
    `/ipfs/${page}?format=tar`,
    `/ipfs/${page}/js/app.js?format=raw`,
  ]
  for (const path of paths) {
    const { status, body } = await ask(base, path)
    expect([path, status]).toEqual([path, 400])
    expect(body.toString()).toMatch(/^content\/[a-z-]+: Cannot .*expected/)
  }
  expect((await ask(base, `/ipfs/${page}?format=tar`)).body.toString()).toMatch(/^content\/bad-format: /)
})

test('every other method is 405', async ({ scratch }) => {
  const { page, base } = await site(scratch)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    expect(await ask(base, `/ipfs/${page}/`, { method })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    })
  }
  expect((await ask(base, '/ipfs/', { method: 'PUT' })).body.toString()).toMatch(/^content\/bad-method: /)
})

test('a block corrupted on disk is 404, never its bytes', async ({ scratch }) => {
  const store = await scratch.store()
  const node = await scratch.node({ store })
  const base = await scratch.serve(node.gateway)
  for (const query of ['?format=raw', '']) {
    const cid = await node.add(someBytes(64))
    const key = blockKey(cidOfRaw(someBytes(64)))
    await writeFile(`${store.dir}/blocks/${key.slice(-2)}/${key}`, someBytes(64, 2))
    expect((await ask(base, `/ipfs/${cid}${query}`)).status).toBe(404)
  }
})

test('a file whose first part is missing is 404; one corrupted further in never ends as if it were whole', async ({
  scratch,
}) => {
  const store = await scratch.store()
  const node = await scratch.node({ store })
  const base = await scratch.serve(node.gateway)
  const bytes = someBytes(2 ** 21 + 9)
  const cid = await node.add(bytes)
  const rot = async (part: Uint8Array) => {
    const key = blockKey(cidOfRaw(part))
    await writeFile(`${store.dir}/blocks/${key.slice(-2)}/${key}`, 'rotten')
  }
  await rot(bytes.subarray(2 ** 21))
  await expect(ask(base, `/ipfs/${cid}`)).rejects.toThrow()
  await rot(bytes.subarray(0, 2 ** 20))
  expect((await ask(base, `/ipfs/${cid}`)).status).toBe(404)
})

test('a file that claims to be larger than it is is 400', async ({ scratch }) => {
  const store = await scratch.store()
  const node = await scratch.node({ store })
  const base = await scratch.serve(node.gateway)
  const leaf = cidOfRaw(someBytes(1_000))
  await store.put(leaf, someBytes(1_000))
  for (const claims of [1_001, 2 ** 40, 2 ** 60]) {
    const { cid, bytes } = fileBlock([{ cid: leaf, claims }])
    await store.put(cid, bytes)
    expect((await ask(base, `/ipfs/${cid}`)).status).toBe(400)
  }
})

test('bytes served are counted by CID and by peer, however many names strangers invent', async ({ scratch }) => {
  const { node, base } = await site(scratch)
  const cid = await node.add(someBytes(10))
  const peer = '12D3KooWStranger1111111111111111111111111111111111111'
  await ask(base, `/ipfs/${cid}?format=raw`, { headers: { 'teapot-peer': peer } })
  await ask(base, `/ipfs/${cid}?format=raw`, { headers: { 'teapot-peer': 'not a peer id' } })
  await ask(base, `/ipfs/${cid}?format=raw`, { method: 'HEAD' })
  expect(node.stats().served).toEqual({
    bytes: 20,
    requests: 2,
    byCid: { [cid]: 20 },
    byPeer: { [peer]: 10, '127.0.0.1': 10 },
  })
  const counter = new TrafficCounter()
  for (let n = 0; n < 5_000; n++) counter.count(`cid${n}`, `peer${n}`, 1)
  expect(Object.keys(counter.read().byPeer)).toHaveLength(1_001)
  expect(counter.read().byPeer['other']).toBe(4_000)
})

const cid = cidOfRaw(someBytes(3)).toString()
const pieces = fc.constantFrom(
  '/',
  '//',
  '/ipfs/',
  cid,
  'Qm',
  '%',
  '%2F',
  '%00',
  '..',
  '.',
  '?',
  '?format=',
  'raw',
  '\\',
  '#',
  'ü',
  ' ',
  '\n',
)
const junk = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 8 }).map((parts) => parts.join(''))

test('any request target is read or refused with one of three codes', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        junk,
        junk.map((text) => `/ipfs/${cid}${text}`),
      ),
      (target) => {
        try {
          const { names } = parseGatewayPath(target)
          for (const name of names) expect(name).toMatch(/^[^/\\\0]+$/)
        } catch (error) {
          expect(error).toBeInstanceOf(TeapotError)
          expect(['content/not-found', 'content/bad-cid', 'content/bad-path']).toContain((error as TeapotError).code)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('the gateway answers junk with 400 or 404 and nothing else', async ({ scratch }) => {
  const { page, base } = await site(scratch)
  const printable = junk.map((text) => encodeURI(text.toWellFormed()).replaceAll('%25', '%'))
  const targets = fc.oneof(
    printable.map((text) => `/${text}`),
    printable.map((text) => `/ipfs/${page}/x${text}`),
  )
  await fc.assert(
    fc.asyncProperty(targets, async (target) => {
      expect([400, 404]).toContain((await ask(base, target)).status)
    }),
  )
})
