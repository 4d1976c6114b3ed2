import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { type Hex, TeapotError, toHex, utf8 } from '@teapot-network/trust'
import { createLibp2p } from 'libp2p'
import { afterEach, expect, test } from 'vitest'
import { createLattice, type Lattice, type LatticeMethod } from './lattice.ts'

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

const signal = AbortSignal.timeout(20_000)

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

test('a refusal arrives with its code, and an unknown method is one', async () => {
  const server = await start({
    no: async () => {
      throw new TeapotError('test/no', 'Cannot do that', { kind: 'unavailable' })
    },
    broken: () => Promise.reject(new Error('nothing of this leaves the machine')),
  })
  const client = await start({})
  const refused = client.lattice.request(server.address, 'no', new Uint8Array(0), signal)
  await expect(refused).rejects.toMatchObject({ code: 'test/no', kind: 'unavailable' })
  const unknown = client.lattice.request(server.address, 'constructor', new Uint8Array(0), signal)
  await expect(unknown).rejects.toMatchObject({ code: 'lattice/unknown-method' })
  const broken = client.lattice.request(server.address, 'broken', new Uint8Array(0), signal)
  await expect(broken).rejects.toMatchObject({ code: 'lattice/fault', message: 'The peer failed to answer' })
})

test('a peer that is not there is unreachable, and one that is cut off loses its requests', async () => {
  const server = await start({ hang: () => new Promise(() => {}) })
  const client = await start({})
  const gone = client.lattice.request('/ip4/127.0.0.1/tcp/1', 'x', new Uint8Array(0), signal)
  await expect(gone).rejects.toMatchObject({ code: 'lattice/unreachable', kind: 'unavailable' })
  const hanging = client.lattice.request(server.address, 'hang', new Uint8Array(0), signal)
  hanging.catch(() => {})
  await expect.poll(() => server.libp2p.getConnections().length).toBe(1)
  await server.lattice.cut(toHex(client.libp2p.peerId.publicKey!.raw))
  await expect(hanging).rejects.toMatchObject({ code: 'lattice/unreachable' })
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
