import { writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { digestOf } from '@teapot-network/trust'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { expect } from 'vitest'
import { blockKey, cidOfRaw } from './cid.ts'
import { createHttpPeers } from './http-peer.ts'
import { cidOfDagPb, fileBlock, linkingBlock, someBytes, test } from './scratch.fixture.ts'

const code = (code: string) => expect.objectContaining({ name: 'TeapotError', code })
const answering =
  (status: number, body: Uint8Array): RequestListener =>
  (_, response) => {
    response.writeHead(status).end(body)
  }

test('a file of many blocks comes whole from a HTTP peer', async ({ scratch, a, b }) => {
  const bytes = someBytes(2 ** 21 + 3)
  const cid = await a.add(bytes)
  const peer = await scratch.serve(a.gateway)
  expect(digestOf(await b.fetch(cid, { peers: [peer] }))).toBe(digestOf(bytes))
  expect(digestOf(await b.cat(cid))).toBe(digestOf(bytes))
  expect(a.stats().served).toMatchObject({ requests: 4, byPeer: { [b.peerId]: a.stats().served.bytes } })
  expect(b.stats().fetched.httpBytes).toBe(a.stats().served.bytes)
})

test('a directory comes whole: the page opens although its publisher has gone', async ({ scratch, a, b }) => {
  const cid = await a.addDirectory([
    { path: 'index.html', bytes: Buffer.from('<p>') },
    { path: 'img/big', bytes: someBytes(2 ** 20 + 1) },
  ])
  expect(await b.fetch(cid, { peers: [await scratch.serve(a.gateway)] })).toEqual(new Uint8Array())
  expect(digestOf(await b.cat(cid, 'img/big'))).toBe(digestOf(someBytes(2 ** 20 + 1)))
})

test('bytes that do not hash to the CID are refused, the liar is named and the next peer is asked', async ({
  scratch,
  a,
  b,
}) => {
  const cid = await a.add(someBytes(20_000))
  const liar = await scratch.serve(answering(200, someBytes(20_000, 2)))
  const honest = await scratch.serve(a.gateway)
  expect(await b.fetch(cid, { peers: [liar, honest] })).toEqual(someBytes(20_000))
  expect(scratch.events).toEqual([{ type: 'content/liar', peer: liar, cid }])
  expect(b.stats().fetched.lies).toBe(1)
})

test('who lied about one block of a DAG is not asked for the others', async ({ scratch }) => {
  const [a, store, b] = [await scratch.node(), await scratch.store(), await scratch.node()]
  const cid = CID.parse(await a.add(someBytes(2 ** 20 + 1)))
  await store.put(cid, await a.get(cid.toString()))
  const rootOnly = await scratch.node({ store })
  let asked = 0
  const liar = await scratch.serve((_, response) => response.writeHead(200).end(`lie ${asked++}`))
  const peers = [liar, await scratch.serve(rootOnly.gateway), await scratch.serve(a.gateway)]
  expect(digestOf(await b.fetch(cid.toString(), { peers }))).toBe(digestOf(someBytes(2 ** 20 + 1)))
  expect(asked).toBe(1)
})

test('no more than a block is taken from a peer that sends without end', async ({ scratch }) => {
  const node = await scratch.node()
  const chunk = someBytes(2 ** 16)
  let sentBytes = 0
  const flood = await scratch.serve((_, response) => {
    const more = () => {
      while (!response.destroyed && response.write(chunk)) sentBytes += chunk.length
      sentBytes += chunk.length
      response.once('drain', more)
    }
    more()
  })
  const cid = cidOfRaw(someBytes(1)).toString()
  await expect(node.fetch(cid, { peers: [flood] })).rejects.toEqual(code('content/unreachable'))
  expect(sentBytes).toBeLessThan(2 ** 25)
})

test('with nobody but a liar nothing is stored or returned', async ({ scratch }) => {
  const node = await scratch.node()
  const cid = cidOfRaw(someBytes(10)).toString()
  const liar = await scratch.serve(answering(200, someBytes(11)))
  await expect(node.fetch(cid, { peers: [liar] })).rejects.toEqual(code('content/unreachable'))
  expect(node.has(cid)).toBe(false)
  expect(node.stats().store.blocks).toBe(0)
})

const useless: [string, RequestListener][] = [
  ['answers 404', answering(404, new Uint8Array())],
  ['answers 500', answering(500, someBytes(10))],
  ['redirects', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  ['hangs up', (request) => request.socket.destroy()],
  [
    'sends half',
    (_, response) => response.writeHead(200, { 'content-length': 10 }).write('12345', () => response.destroy()),
  ],
  [
    'sends without end',
    (_, response) => {
      response.writeHead(200)
      const flood = () => {
        while (response.write(someBytes(2 ** 16)));
        response.once('drain', flood)
      }
      flood()
    },
  ],
  ['never answers', () => undefined],
]
for (const [what, handler] of useless) {
  test(`a peer that ${what} is passed over`, async ({ scratch, a }) => {
    const b = await scratch.node({ peerTimeoutMs: 3_000 })
    const cid = await a.add(someBytes(10))
    const peers = [
      await scratch.serve(handler),
      'http://127.0.0.1:1',
      'file:///etc/',
      'nonsense',
      await scratch.serve(a.gateway),
    ]
    expect(await b.fetch(cid, { peers })).toEqual(someBytes(10))
    expect(scratch.events).toEqual([])
  })
}

test('peers that have nothing are followed by the swarm', async ({ scratch, a, b }) => {
  const cid = await a.add(someBytes(3_000))
  await b.connect(a.addresses()[0]!)
  const empty = await scratch.serve(answering(404, new Uint8Array()))
  expect(await b.fetch(cid, { peers: [empty] })).toEqual(someBytes(3_000))
  expect(b.stats().fetched).toEqual({ httpBytes: 0, swarmBytes: 3_000, lies: 0 })
})

test('what is already here is not asked for, and a copy corrupted on disk is replaced', async ({ scratch }) => {
  const [a, store] = [await scratch.node(), await scratch.store()]
  const b = await scratch.node({ store })
  const cid = await a.add(someBytes(500))
  const peers = [await scratch.serve(a.gateway)]
  await b.fetch(cid, { peers })
  await b.fetch(cid, { peers })
  expect(a.stats().served.requests).toBe(1)
  const key = blockKey(CID.parse(cid))
  await writeFile(`${store.dir}/blocks/${key.slice(-2)}/${key}`, 'rotten')
  expect(await b.fetch(cid, { peers })).toEqual(someBytes(500))
  expect(await b.get(cid)).toEqual(someBytes(500))
  expect(scratch.events).toEqual([{ type: 'content/corrupt', name: cid }])
})

test('many who want the same CID at once cause one request', async ({ scratch, a, b }) => {
  const cid = await a.add(someBytes(9_000))
  const peers = [await scratch.serve(a.gateway)]
  const all = await Promise.all(Array.from({ length: 20 }, () => b.fetch(cid, { peers })))
  for (const bytes of all) expect(bytes).toEqual(someBytes(9_000))
  expect(a.stats().served.requests).toBe(1)
})

test('one caller who gives up does not stop the others; when the last gives up the work ends', async ({
  scratch,
  a,
  b,
}) => {
  const cid = await a.add(someBytes(100))
  let asked = Promise.withResolvers<void>()
  const { promise: open, resolve: release } = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  let patient = true
  const slow = await scratch.serve(async (request, response) => {
    response.once('close', () => response.writableFinished || closed.resolve())
    asked.resolve()
    if (patient) await open.then(() => a.gateway(request, response))
  })
  const hasty = new AbortController()
  const [first, second] = [b.fetch(cid, { peers: [slow], signal: hasty.signal }), b.fetch(cid, { peers: [slow] })]
  await asked.promise
  hasty.abort(new Error('changed my mind'))
  await expect(first).rejects.toThrow('changed my mind')
  release()
  expect(await second).toEqual(someBytes(100))
  patient = false
  asked = Promise.withResolvers()
  const lonely = new AbortController()
  let laterAsked = false
  const later = await scratch.serve(() => {
    laterAsked = true
  })
  const absent = cidOfRaw(someBytes(101)).toString()
  const third = b.fetch(absent, { peers: [slow, later], signal: lonely.signal })
  await asked.promise
  lonely.abort()
  await expect(third).rejects.toMatchObject({ name: 'AbortError' })
  await closed.promise
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(laterAsked).toBe(false)
})

test('more than maxBytes is refused, by the limit of each caller, and not stored', async ({ scratch, a, b }) => {
  const cid = await a.add(someBytes(1_000))
  const peers = [await scratch.serve(a.gateway)]
  await expect(b.fetch(cid, { peers, maxBytes: 999 })).rejects.toEqual(code('content/too-large'))
  expect(b.has(cid)).toBe(false)
  const [small, large] = await Promise.allSettled([
    b.fetch(cid, { peers, maxBytes: 999 }),
    b.fetch(cid, { peers, maxBytes: 1_000 }),
  ])
  expect(small).toMatchObject({ status: 'rejected', reason: code('content/too-large') })
  expect(large).toMatchObject({ status: 'fulfilled' })
})

test('a DAG that unfolds to more than maxBytes is refused before it is read', async ({ scratch }) => {
  const [store, b] = [await scratch.store(), await scratch.node()]
  const a = await scratch.node({ store })
  let part = { cid: CID.parse(await a.add(new Uint8Array(1_000))), claims: 1_000 }
  for (let level = 0; level < 3; level++) {
    const { cid, bytes } = fileBlock(new Array(100).fill(part))
    await store.put(cid, bytes)
    part = { cid, claims: part.claims * 100 }
  }
  const peers = [await scratch.serve(a.gateway)]
  await expect(b.fetch(part.cid.toString(), { peers, maxBytes: 2 ** 20 })).rejects.toEqual(code('content/too-large'))
})

test('blocks that are not what their CID says, or link to what nobody can verify, are refused', async ({ scratch }) => {
  const node = await scratch.node()
  const junk = someBytes(50)
  const sha512 = CID.createV1(0x55, create(0x13, new Uint8Array(64)))
  const linked = linkingBlock([{ Hash: sha512, Name: 'a', Tsize: 1 }]).bytes
  const plain = linkingBlock([], Buffer.from('no unixfs')).bytes
  for (const [bytes, expected] of [
    [junk, 'content/malformed'],
    [linked, 'content/bad-cid'],
    [plain, 'content/malformed'],
  ] as const) {
    const peer = await scratch.serve(answering(200, bytes))
    await expect(node.fetch(cidOfDagPb(bytes).toString(), { peers: [peer] })).rejects.toEqual(code(expected))
  }
})

test('a chain of blocks without end is given up', async ({ scratch }) => {
  const [store, node] = [await scratch.store(), await scratch.node()]
  let cid = cidOfRaw(someBytes(1))
  await store.put(cid, someBytes(1))
  for (let depth = 0; depth < 66; depth++) {
    const block = linkingBlock([{ Hash: cid, Name: '', Tsize: 1 }])
    cid = block.cid
    await store.put(cid, block.bytes)
  }
  const publisher = await scratch.node({ store })
  const peers = [await scratch.serve(publisher.gateway)]
  await expect(node.fetch(cid.toString(), { peers })).rejects.toEqual(code('content/malformed'))
})

test('what does not fit under the quota is refused, and what a fetch needs is not evicted under it', async ({
  scratch,
}) => {
  const [a, store] = [await scratch.node(), await scratch.store(2 ** 21 + 2 ** 20)]
  const b = await scratch.node({ store })
  const [big, fits] = [await a.add(someBytes(4 * 2 ** 20)), await a.add(someBytes(2 ** 21, 5))]
  const peers = [await scratch.serve(a.gateway)]
  await expect(b.fetch(big, { peers })).rejects.toEqual(code('content/quota-exceeded'))
  expect(digestOf(await b.fetch(fits, { peers, pin: true }))).toBe(digestOf(someBytes(2 ** 21, 5)))
  expect(b.stats().store.pins).toEqual([fits])
})

test('a node that stops tells those who wait', async ({ scratch }) => {
  const node = await scratch.node()
  const silent = await scratch.serve(() => undefined)
  const waiting = node.fetch(cidOfRaw(someBytes(1)).toString(), { peers: [silent] })
  const told = expect(waiting).rejects.toEqual(code('content/stopped'))
  await node[Symbol.asyncDispose]()
  await told
})

test('a gateway that cannot be asked fails by itself, whoever else may have the block', async () => {
  using peers = createHttpPeers('me')
  for (const base of ['ftp://127.0.0.1', 'http://127.0.0.1:1']) {
    const block = peers.block(base, cidOfRaw(someBytes(8, 1)), {
      timeoutMs: 30_000,
      signal: new AbortController().signal,
    })
    await expect(block).rejects.toEqual(code('content/peer-failed'))
  }
})
