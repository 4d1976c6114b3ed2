import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { withBitswap } from '@helia/bitswap'
import { type HeliaWithLibp2p, withLibp2pLight } from '@helia/libp2p'
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { concatBytes, TeapotError } from '@teapot-network/trust'
import { createHeliaLight } from 'helia'
import type { CID } from 'multiformats/cid'
import type { BlockStore } from './block-store.ts'

/** The libp2p services that every teapot node has. */
export type NodeServices = { identify: Identify }

/** How to take part. */
export interface SwarmOptions {
  /** Ed25519 private key seed, 32 bytes; a fresh one when absent. */
  peerKey?: Uint8Array
  /** Multiaddrs to listen on; one free loopback TCP port unless told. Nothing else is listened on. */
  listen?: string[]
  /** Whether blocks are exchanged by bitswap; yes unless told. */
  bitswap?: boolean
  /** Asked at every dial and every connection: peers for whom it says true are cut off. */
  denyPeer?: (peerId: string, direction: 'inbound' | 'outbound') => boolean
  /** Peers whose connections stay when there are many; nobody unless told. */
  isMember?: (peerId: string) => boolean
  /** How many connections all others may hold; the oldest give way. 200 unless told, of the 300 that libp2p lets in. */
  maxStrangers?: number
  /** Longest wait for one block from the libp2p peers; 5 s unless told. */
  swarmTimeoutMs?: number
}

/** A libp2p node with Helia on top: TCP, noise, yamux, identify, bitswap. No bootstrappers, no discovery, no relay (spec/content.md §6). */
export interface Swarm extends AsyncDisposable {
  readonly libp2p: Libp2p<NodeServices>
  /** Asks connected peers by bitswap; `undefined` when none is connected or none gives it in time. */
  askForBlock(cid: CID, signal: AbortSignal): Promise<Uint8Array | undefined>
  /** Connects to a multiaddr. @throws TeapotError `content/peer-unreachable` */
  connect(address: string, options?: { signal?: AbortSignal }): Promise<Connection>
  /** Closes the connections of all peers that are denied by now. */
  dropDenied(): Promise<void>
}

/** Starts a swarm whose blocks live in `store`. @throws TeapotError `content/bad-peer-key` */
export async function createSwarm(store: BlockStore, options: SwarmOptions): Promise<Swarm> {
  const { listen = ['/ip4/127.0.0.1/tcp/0'], bitswap = true, denyPeer = () => false, swarmTimeoutMs = 5_000 } = options
  const deny = (direction: 'inbound' | 'outbound') => (peer: { toString(): string }) =>
    denyPeer(peer.toString(), direction)
  const light = withLibp2pLight(createHeliaLight({ blockstore: store }), {
    privateKey: await readPeerKey(options.peerKey),
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // Several nodes may share one address; libp2p lets in 5 connections a second from each by default.
    connectionManager: { inboundConnectionThreshold: 100, maxIncomingPendingConnections: 50 },
    connectionGater: {
      denyDialPeer: deny('outbound'),
      // Loopback and private addresses are where our peers are, hence no libp2p default filter.
      denyDialMultiaddr: () => false,
      denyInboundEncryptedConnection: deny('inbound'),
      denyOutboundEncryptedConnection: deny('outbound'),
    },
    services: { identify: identify() },
  })
  const helia = (bitswap ? withBitswap(light) : light) as HeliaWithLibp2p<NodeServices>
  await helia.start()
  const { libp2p } = helia
  libp2p.addEventListener('connection:open', ({ detail: connection }) => {
    // Denied since the gater asked: whoever cut off the connections of the peer did not find this one yet.
    if (deny(connection.direction)(connection.remotePeer)) connection.abort(new Error('peer is denied'))
    else makeRoom(libp2p, options)
  })
  return {
    libp2p,
    async askForBlock(cid, signal) {
      if (!bitswap || libp2p.getPeers().length === 0) return undefined
      const limit = AbortSignal.any([signal, AbortSignal.timeout(swarmTimeoutMs)])
      try {
        const parts: Uint8Array[] = []
        for await (const part of helia.blockstore.get(cid, { signal: limit })) parts.push(part)
        return concatBytes(...parts)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof TeapotError) throw error
        return undefined
      }
    },
    async connect(address, { signal } = {}) {
      try {
        return await libp2p.dial(multiaddr(address), signal === undefined ? {} : { signal })
      } catch (cause) {
        signal?.throwIfAborted()
        const message = `Cannot connect to ${address}: expected a peer that lets us in, found ${(cause as Error).message}`
        throw new TeapotError('content/peer-unreachable', message, { kind: 'unavailable', cause })
      }
    },
    async dropDenied() {
      const denied = libp2p.getConnections().filter(({ remotePeer, direction }) => deny(direction)(remotePeer))
      await Promise.allSettled(denied.map((connection) => connection.close({ signal: AbortSignal.timeout(1_000) })))
      for (const connection of denied) if (connection.status !== 'closed') connection.abort(new Error('peer is denied'))
    },
    async [Symbol.asyncDispose]() {
      await helia.stop()
    },
  }
}

/** Else idle connections of anybody would leave no room for those who attest one another. */
function makeRoom(libp2p: Libp2p, { isMember = () => false, maxStrangers = 200 }: SwarmOptions): void {
  const inbound = libp2p.getConnections().filter(({ direction }) => direction === 'inbound')
  if (inbound.length <= maxStrangers) return
  const strangers = inbound.filter(({ remotePeer }) => !isMember(remotePeer.toString()))
  const newestFirst = strangers.toSorted((a, b) => b.timeline.open - a.timeline.open)
  for (const oldest of newestFirst.slice(maxStrangers)) oldest.abort(new Error('made room for others'))
}

async function readPeerKey(seed: Uint8Array | undefined) {
  if (seed === undefined) return generateKeyPair('Ed25519')
  if (seed.length !== 32) {
    throw new TeapotError(
      'content/bad-peer-key',
      `Cannot use peer key: expected a seed of 32 bytes, found ${seed.length}`,
    )
  }
  return generateKeyPairFromSeed('Ed25519', seed)
}
