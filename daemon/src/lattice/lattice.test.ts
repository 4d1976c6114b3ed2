import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { type Hex, TeapotError, toHex, utf8 } from '@teapot-network/trust'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, test } from 'vitest'
import { atMost, createLattice, type Lattice, type LatticeMethod } from './lattice.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function start(
  methods: Record<string, LatticeMethod>,
  keeps?: (peerKey: Hex) => boolean,
): Promise<{ libp2p: Libp2p; lattice: Lattice; address: string }> {
  const libp2p = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  })
  const lattice = await createLattice(libp2p, methods, keeps)
  open.push({ [Symbol.asyncDispose]: async () => libp2p.stop() }, lattice)
  return { libp2p, lattice, address: libp2p.getMultiaddrs()[0]!.toString().split('/p2p/')[0]! }
}

const { signal } = new AbortController()

test('a request is answered over one stream, and the answer names the key that the peer proved', async () => {
  const server = await start({ echo: async (body) => body })
  const client = await start({})
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => client.lattice.request(server.address, 'echo', utf8(`n${i}`), signal)),
  )
  expect(answers.map(({ body }) => new TextDecoder().decode(body))).toEqual(answers.map((_, i) => `n${i}`))
  expect(answers[0]!.peerKey).toBe(toHex(server.libp2p.peerId.publicKey!.raw))
  expect(client.libp2p.getConnections()).toHaveLength(1)
})

test('a refusal arrives as one, whatever code the peer gives it; so do an unknown method and a fault', async () => {
  const server = await start({
    no: async () => {
      throw new TeapotError('attest/no-policy', `Cannot do that\u001b[2J${'!'.repeat(5000)}`, { kind: 'unavailable' })
    },
    broken: () => Promise.reject(new Error('nothing of this leaves the machine')),
  })
  const client = await start({})
  const refused = async (method: string) => {
    const error = await client.lattice.request(server.address, method, new Uint8Array(0), signal).catch((all) => all)
    expect([error.code, error.message.length < 400, error.message.includes('\u001b')]).toEqual([
      'lattice/refused',
      true,
      false,
    ])
    return error
  }
  expect(await refused('no')).toMatchObject({ kind: 'unavailable', message: expect.stringContaining('no-policy') })
  expect((await refused('constructor')).message).toContain('lattice/unknown-method')
  expect(await refused('broken')).toMatchObject({
    kind: 'fault',
    message: expect.stringContaining('lattice/fault: The peer failed to answer'),
  })
})

test('more requests at once than a peer may have under way, and a request too large, are refused', async () => {
  const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const server = await start({
    wait: () => end.promise.then(() => utf8('done')),
    one: atMost(1, () => {
      begun.resolve()
      return end.promise.then(() => utf8('1'))
    }),
  })
  const [client, other] = [await start({}), await start({})]
  const ask = (method: string, from = client, size = 0) =>
    from.lattice.request(server.address, method, new Uint8Array(size), signal)
  const first = ask('one', other)
  await begun.promise
  await expect(ask('one')).rejects.toMatchObject({ code: 'lattice/refused', message: expect.stringContaining('busy') })
  const asked = await Promise.all(
    Array.from({ length: 65 }, async () => ask('wait').catch(({ message }) => message)).map((answer, i) =>
      i === 64 ? answer.finally(end.resolve) : answer,
    ),
  )
  expect(asked.filter((answer) => typeof answer === 'string')).toEqual([expect.stringContaining('lattice/busy')])
  expect((await first).body).toEqual(utf8('1'))
  expect((await ask('one')).body).toEqual(utf8('1'))
  await expect(ask('wait', client, 9 << 10)).rejects.toMatchObject({ code: 'lattice/unreachable' })
})

test('nothing stays of a connection on which the peer does not speak the protocol, nor is any made to what is no TCP address', async () => {
  const [server, client] = [await start({}), await start({})]
  await server.lattice[Symbol.asyncDispose]()
  const folder = mkdtempSync(join(tmpdir(), 'teapot-lattice-'))
  let called = 0
  const socket = createServer(() => called++).listen(join(folder, 'socket'))
  try {
    for (const address of [server.address, `/unix/${encodeURIComponent(join(folder, 'socket'))}`]) {
      const asked = client.lattice.request(address, 'x', new Uint8Array(0), signal)
      await expect(asked).rejects.toMatchObject({ code: 'lattice/unreachable' })
      await expect.poll(() => client.libp2p.getConnections().length).toBe(0)
    }
    expect(called).toBe(0)
  } finally {
    socket.close()
    rmSync(folder, { recursive: true })
  }
})

test('a peer that is not there is unreachable, and one that is cut off loses its requests', async () => {
  const begun = Promise.withResolvers<void>()
  const server = await start({
    hang() {
      begun.resolve()
      return new Promise(() => {})
    },
  })
  const client = await start({})
  const gone = client.lattice.request('/ip4/127.0.0.1/tcp/1', 'x', new Uint8Array(0), signal)
  await expect(gone).rejects.toMatchObject({ code: 'lattice/unreachable', kind: 'unavailable' })
  const hanging = client.lattice.request(server.address, 'hang', new Uint8Array(0), signal)
  hanging.catch(() => {})
  await begun.promise
  await server.lattice.cut(toHex(client.libp2p.peerId.publicKey!.raw))
  await expect(hanging).rejects.toMatchObject({ code: 'lattice/unreachable' })
})

test('who asks when its time is up already waits for no answer', async () => {
  const server = await start({ echo: async (body) => body, hang: () => new Promise(() => {}) })
  const client = await start({})
  await client.lattice.request(server.address, 'echo', utf8('there'), signal)
  const late = client.lattice.request(server.address, 'hang', new Uint8Array(0), AbortSignal.abort())
  await expect(late).rejects.toMatchObject({ code: 'lattice/unreachable', kind: 'unavailable' })
})

test('a connection that may not be kept ends with the last answer that it was dialled for', async () => {
  const server = await start({ echo: async (body) => body })
  const client = await start({}, () => false)
  for (const word of ['once', 'again']) {
    const asked = [1, 2].map((n) => client.lattice.request(server.address, 'echo', utf8(`${word} ${n}`), signal))
    expect((await Promise.all(asked)).map(({ body }) => new TextDecoder().decode(body))).toEqual([
      `${word} 1`,
      `${word} 2`,
    ])
    await expect.poll(() => client.libp2p.getConnections().length).toBe(0)
  }
})

test('a peer that sends junk loses its stream, and the server goes on serving', async () => {
  const server = await start({ echo: async (body) => body })
  const client = await start({})
  const { multiaddr } = await import('@multiformats/multiaddr')
  const connection = await client.libp2p.dial(multiaddr(server.address))
  const stream = await connection.newStream('/teapot/lattice/1')
  stream.send(new Uint8Array([255, 255, 255, 255, 0, 0, 0, 0]))
  await expect.poll(() => stream.status).not.toBe('open')
  const { body } = await client.lattice.request(server.address, 'echo', utf8('still here'), signal)
  expect(new TextDecoder().decode(body)).toBe('still here')
})
