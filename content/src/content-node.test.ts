import { digestOf, TeapotError, toHex } from '@teapot-network/trust'
import { CID } from 'multiformats/cid'
import { expect } from 'vitest'
import { someBytes, test } from './scratch.fixture.ts'

const code = (code: string) => expect.objectContaining({ name: 'TeapotError', code })

test('bytes up to 1 MiB are one raw block whose CID holds their SHA-256', async ({ scratch }) => {
  const node = await scratch.node()
  for (const size of [0, 1, 2 ** 20]) {
    const bytes = someBytes(size)
    const cid = await node.add(bytes)
    expect(toHex(CID.parse(cid).multihash.digest)).toBe(digestOf(bytes))
    expect(CID.parse(cid).code).toBe(0x55)
    expect([await node.cat(cid), await node.get(cid)].map(digestOf)).toEqual([digestOf(bytes), digestOf(bytes)])
  }
})

test('larger bytes are split and read back the same', async ({ scratch }) => {
  const node = await scratch.node()
  const bytes = someBytes(2 ** 21 + 5)
  const cid = await node.add(bytes)
  expect(cid).toMatch(/^bafybei/)
  expect(digestOf(await node.cat(cid))).toBe(digestOf(bytes))
  await expect(node.cat(cid, '', { maxBytes: 2 ** 21 })).rejects.toEqual(code('content/too-large'))
})

test('a directory is read by path, and each of its names leads to one file', async ({ scratch }) => {
  const node = await scratch.node()
  const page = [
    { path: 'index.html', bytes: Buffer.from('<h1>hi</h1>') },
    { path: 'js/app.js', bytes: Buffer.from('hello()') },
    { path: 'big', bytes: someBytes(2 ** 20 + 1) },
  ]
  const cid = await node.addDirectory(page)
  expect(Buffer.from(await node.cat(cid, 'js/app.js')).toString()).toBe('hello()')
  for (const path of ['nothing', 'js', 'js/app.js/more', 'index.html/x', 'big/x']) {
    await expect(node.cat(cid, path)).rejects.toEqual(code('content/not-found'))
  }
  for (const path of ['', '/a', 'a//b', '../a', 'a/./b', 'a/', 'index.html', 'js/app.js/deeper', 'js']) {
    await expect(node.addDirectory([...page, { path, bytes: new Uint8Array() }])).rejects.toEqual(
      code('content/bad-path'),
    )
  }
})

test('what is added stays through a restart, pinned', async ({ scratch }) => {
  const dir = await scratch.dir()
  let cid: string
  {
    await using store = await scratch.store(2 ** 22, dir)
    await using node = await scratch.node({ store })
    cid = await node.add(someBytes(2 ** 21))
  }
  const store = await scratch.store(2 ** 22, dir)
  const node = await scratch.node({ store })
  expect(digestOf(await node.cat(cid))).toBe(digestOf(someBytes(2 ** 21)))
  expect(node.stats().store.pins).toEqual([cid])
  await expect(node.add(someBytes(2 ** 21, 2))).rejects.toEqual(code('content/quota-exceeded'))
  await node.unpin(cid)
  await node.add(someBytes(2 ** 21, 2))
})

test('two nodes exchange a file by bitswap', async ({ a, b }) => {
  const bytes = someBytes(2 ** 21 + 1)
  const cid = await a.add(bytes)
  await b.connect(a.addresses()[0]!)
  expect(digestOf(await b.fetch(cid))).toBe(digestOf(bytes))
  expect(b.stats().fetched).toMatchObject({ httpBytes: 0, lies: 0 })
  expect(b.stats().fetched.swarmBytes).toBeGreaterThan(bytes.length)
})

test('a node with bitswap off neither asks nor answers by it', async ({ scratch }) => {
  const [a, b] = [await scratch.node({ bitswap: false }), await scratch.node()]
  const cid = await a.add(someBytes(10))
  await b.connect(a.addresses()[0]!)
  expect(a.libp2p.getProtocols()).not.toContain('/ipfs/bitswap/1.2.0')
  await expect(a.fetch(await b.add(someBytes(11)))).rejects.toEqual(code('content/unreachable'))
  expect(b.has(cid)).toBe(false)
})

test('the peer id follows from the key, and a key of another length is refused', async ({ scratch }) => {
  const peerKey = new Uint8Array(32).fill(7)
  const ids = []
  for (let n = 0; n < 2; n++) {
    await using node = await scratch.node({ peerKey })
    ids.push(node.peerId)
  }
  expect(ids[0]).toBe(ids[1])
  await expect(scratch.node({ peerKey: new Uint8Array(31) })).rejects.toEqual(code('content/bad-peer-key'))
})

test('a node listens on loopback alone and knows nobody at start', async ({ scratch }) => {
  const node = await scratch.node()
  expect(node.addresses()).toHaveLength(1)
  expect(node.addresses()[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//)
  expect(node.libp2p.getConnections()).toEqual([])
  expect(node.libp2p.getDialQueue()).toEqual([])
})

test('a denied peer can neither connect nor be connected to', async ({ scratch }) => {
  const denied = new Set<string>()
  const guard = await scratch.node({ denyPeer: (id) => denied.has(id) })
  const outcast = await scratch.node()
  denied.add(outcast.peerId)
  await expect(guard.connect(outcast.addresses()[0]!)).rejects.toEqual(code('content/peer-unreachable'))
  await outcast.connect(guard.addresses()[0]!).catch((error) => expect(error).toBeInstanceOf(TeapotError))
  await expect.poll(() => outcast.libp2p.getConnections().length).toBe(0)
  expect(guard.libp2p.getConnections()).toEqual([])
})

test('a denied peer is not even dialled', async ({ scratch }) => {
  let dialled = 0
  const url = await scratch.serve(
    () => undefined,
    () => dialled++,
  )
  const outcast = await scratch.node()
  const guard = await scratch.node({ denyPeer: (id) => id === outcast.peerId })
  const address = `/ip4/127.0.0.1/tcp/${new URL(url).port}/p2p/${outcast.peerId}`
  await expect(guard.connect(address)).rejects.toEqual(code('content/peer-unreachable'))
  expect(dialled).toBe(0)
})

test('a peer that is denied later loses its connection and gets nothing more', async ({ scratch }) => {
  const denied = new Set<string>()
  const guard = await scratch.node({ denyPeer: (id) => denied.has(id) })
  const [outcast, friend] = [await scratch.node(), await scratch.node()]
  await outcast.connect(guard.addresses()[0]!)
  await friend.connect(guard.addresses()[0]!)
  denied.add(outcast.peerId)
  await guard.dropDenied()
  await expect.poll(() => outcast.libp2p.getConnections().length).toBe(0)
  await expect.poll(() => guard.libp2p.getPeers().map(String)).toEqual([friend.peerId])
  await expect(outcast.fetch(await guard.add(someBytes(9)))).rejects.toEqual(code('content/unreachable'))
})

test('a peer that is denied while it connects is cut off as soon as it has', async ({ scratch }) => {
  let asked = 0
  const guard = await scratch.node({ denyPeer: () => asked++ > 0 })
  const outcast = await scratch.node()
  await outcast.connect(guard.addresses()[0]!).catch((error) => expect(error).toBeInstanceOf(TeapotError))
  await expect.poll(() => asked).toBeGreaterThan(1)
  await expect.poll(() => [...outcast.libp2p.getConnections(), ...guard.libp2p.getConnections()]).toEqual([])
})

test('strangers give way to one another, the oldest first, and never take the place of a member', async ({
  scratch,
}) => {
  const member = await scratch.node()
  const guard = await scratch.node({ isMember: (id) => id === member.peerId, maxStrangers: 2 })
  const strangers = await Promise.all([1, 2, 3, 4].map(() => scratch.node()))
  for (const node of [member, ...strangers]) await node.connect(guard.addresses()[0]!)
  const stayed = [member, ...strangers.slice(2)].map(({ peerId }) => peerId)
  await expect.poll(() => guard.libp2p.getPeers().map(String).toSorted()).toEqual(stayed.toSorted())
})

test('many connections from one address within a second are all let in', async ({ a, b }) => {
  for (let n = 0; n < 12; n++) {
    const connection = await b.connect(a.addresses()[0]!)
    expect(connection.status).toBe('open')
    await connection.close()
  }
})

test('an address that is none, and one where nobody is, cannot be connected to', async ({ scratch }) => {
  const node = await scratch.node()
  for (const address of ['nonsense', '', '/ip4/127.0.0.1/tcp/1']) {
    await expect(node.connect(address)).rejects.toEqual(code('content/peer-unreachable'))
  }
})

test('every call with a string that is no CID is refused', async ({ scratch }) => {
  const node = await scratch.node()
  for (const cid of ['', 'x', '../..', 'bafkqaaa', `${await node.add(someBytes(1))}!`]) {
    expect(() => node.has(cid)).toThrow(code('content/bad-cid'))
    for (const call of [node.get(cid), node.cat(cid), node.fetch(cid), node.unpin(cid)]) {
      await expect(call).rejects.toEqual(code('content/bad-cid'))
    }
  }
})
