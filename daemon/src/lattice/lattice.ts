import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { type Hex, TeapotError, toHex, utf8 } from '@teapot-network/trust'
import { createFrameReader, encodeFrame, type Frame, REQUEST_SIZE_LIMIT_BYTES } from './frames.ts'

/** Answers one method for a peer, named by its Ed25519 public key. What a TeapotError that it throws says travels back as a refusal. */
export type LatticeMethod = (body: Uint8Array, peerKey: Hex, signal: AbortSignal) => Promise<Uint8Array>

/** Node-to-node requests over one persistent libp2p stream a peer (spec/lattice.md). */
export interface Lattice extends AsyncDisposable {
  /**
   * Asks the peer that listens at `address` (a multiaddr text). The answer names the key that the peer proved in the handshake.
   * @throws TeapotError `lattice/unreachable`; `lattice/refused`, whatever the peer says of it: the codes of this process are not its to choose
   */
  request(
    address: string,
    method: string,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ body: Uint8Array; peerKey: Hex }>
  /** Closes every connection to and from a peer. Whether it may come back is the connection gater's matter. */
  cut(peerKey: Hex): Promise<void>
}

interface Link {
  stream: Stream
  peerKey: Hex
  waiting: Map<number, { resolve(body: Uint8Array): void; reject(error: Error): void }>
}

const PROTOCOL = '/teapot/lattice/1'
const REQUEST_TIMEOUT_MS = 10_000
/** A peer has one stream to us and few requests on it; what it asks beyond that is refused. */
const STREAMS_OF_A_PEER = 4
const REQUESTS_AT_ONCE = 64
/** Where peers listen: over TCP, at a host. libp2p would also open sockets of this machine. */
const ADDRESS = /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d+(\/p2p\/\w+)?$/
const LONGEST_REFUSAL = 300

/**
 * Opens the lattice on a running libp2p node. Disposing it closes its streams and withdraws the protocol; libp2p itself stays up.
 * @param keeps whether a connection stays open once what it was dialled for is answered; by default every one does
 */
export async function createLattice(
  libp2p: Libp2p,
  methods: Record<string, LatticeMethod>,
  keeps: (peerKey: Hex) => boolean = () => true,
): Promise<Lattice> {
  const links = new Map<string, Promise<Link>>()
  const closing = new AbortController()
  let nextId = 1

  await libp2p.handle(PROTOCOL, (stream, connection) => serve(stream, connection, methods, closing.signal), {
    runOnLimitedConnection: false,
    maxInboundStreams: STREAMS_OF_A_PEER,
  })

  async function open(address: string, signal: AbortSignal): Promise<Link> {
    if (!ADDRESS.test(address)) throw new Error('expected a multiaddr of a host and a TCP port')
    const connection = await libp2p.dial(multiaddr(address), { signal, force: true })
    const stream = await connection.newStream(PROTOCOL, { signal }).catch((error) => {
      connection.abort(error)
      throw error
    })
    const link: Link = { stream, peerKey: keyOf(connection), waiting: new Map() }
    const read = createFrameReader((frame) => settle(link, frame))
    stream.addEventListener('message', (event) => guarded(stream, () => read(event.data.subarray())))
    stream.addEventListener('close', () => {
      for (const { reject } of link.waiting.values()) reject(unreachable(address, 'the connection closed'))
      link.waiting.clear()
      void connection.close().catch(() => connection.abort(new Error('closed')))
    })
    return link
  }

  function linkTo(address: string, signal: AbortSignal): Promise<Link> {
    let link = links.get(address)
    if (!link) {
      const opened = open(address, signal)
      link = opened
      links.set(address, opened)
      const forget = () => links.get(address) === opened && links.delete(address)
      opened.then(({ stream }) => stream.addEventListener('close', forget), forget)
    }
    return link
  }

  return {
    async request(address, method, body, signal) {
      const limited = AbortSignal.any([signal, closing.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
      let link: Link
      try {
        link = await linkTo(address, limited)
      } catch (cause) {
        throw unreachable(address, (cause as Error).message, cause)
      }
      const id = nextId++ >>> 0
      const answer = await new Promise<Uint8Array>((resolve, reject) => {
        const settledBy =
          <Value>(settle: (value: Value) => void) =>
          (value: Value) => {
            limited.removeEventListener('abort', stop)
            link.waiting.delete(id)
            settle(value)
            if (link.waiting.size > 0 || keeps(link.peerKey)) return
            links.delete(address)
            link.stream.abort(new Error('answered'))
          }
        const stop = () => settledBy(reject)(unreachable(address, 'no answer in time'))
        limited.addEventListener('abort', stop, { once: true })
        link.waiting.set(id, { resolve: settledBy(resolve), reject: settledBy(reject) })
        // While the link was opened; no event tells of it any more.
        if (limited.aborted) return stop()
        try {
          link.stream.send(encodeFrame({ kind: 'request', id, method, body }))
        } catch (cause) {
          link.waiting.get(id)?.reject(unreachable(address, (cause as Error).message, cause))
        }
      })
      return { body: answer, peerKey: link.peerKey }
    },
    async cut(peerKey) {
      const theirs = libp2p.getConnections().filter((connection) => keyOf(connection) === peerKey)
      await Promise.all(theirs.map((connection) => connection.close().catch(() => connection.abort(new Error('cut')))))
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await libp2p.unhandle(PROTOCOL)
      const open = await Promise.allSettled(links.values())
      for (const link of open) if (link.status === 'fulfilled') link.value.stream.abort(new Error('lattice closed'))
    },
  }
}

/** Reads requests off an inbound stream and answers each as its method settles, in whatever order. */
function serve(
  stream: Stream,
  connection: Connection,
  methods: Record<string, LatticeMethod>,
  signal: AbortSignal,
): void {
  const peerKey = keyOf(connection)
  let underWay = 0
  const answer = async (frame: Frame & { kind: 'request' }) => {
    let reply: Frame
    underWay++
    try {
      if (underWay > REQUESTS_AT_ONCE) throw busy()
      const method = Object.hasOwn(methods, frame.method) ? methods[frame.method] : undefined
      if (!method) throw new TeapotError('lattice/unknown-method', `Cannot answer: no method ${frame.method}`)
      reply = { kind: 'answer', id: frame.id, body: await method(frame.body, peerKey, signal) }
    } catch (error) {
      reply = { kind: 'refusal', id: frame.id, body: utf8(JSON.stringify(describe(error))) }
    } finally {
      underWay--
    }
    if (stream.writeStatus === 'writable') stream.send(encodeFrame(reply))
  }
  const read = createFrameReader((frame) => {
    if (frame.kind === 'request') void answer(frame).catch((error) => stream.abort(error))
  }, REQUEST_SIZE_LIMIT_BYTES)
  stream.addEventListener('message', (event) => guarded(stream, () => read(event.data.subarray())))
}

function settle(link: Link, frame: Frame): void {
  const waiting = link.waiting.get(frame.id)
  if (frame.kind === 'answer') waiting?.resolve(frame.body)
  if (frame.kind === 'refusal') waiting?.reject(refusalOf(frame.body))
}

function guarded(stream: Stream, read: () => void): void {
  try {
    read()
  } catch (error) {
    stream.abort(error as Error)
  }
}

function describe(error: unknown): { code: string; kind: string; message: string } {
  if (error instanceof TeapotError) return { code: error.code, kind: error.kind, message: error.message }
  return { code: 'lattice/fault', kind: 'fault', message: 'The peer failed to answer' }
}

/** In our words: were a peer's code thrown as it is, it could pass for a fault of this node, which no peer is blamed for. */
function refusalOf(body: Uint8Array): TeapotError {
  let said = {} as { code?: unknown; kind?: unknown; message?: unknown }
  try {
    said = JSON.parse(new TextDecoder().decode(body)) ?? said
  } catch {}
  const text = JSON.stringify(`${said.code}: ${said.message}`).slice(0, LONGEST_REFUSAL)
  const kind = said.kind === 'unavailable' || said.kind === 'fault' ? said.kind : 'refused'
  return new TeapotError('lattice/refused', `The peer refused: ${text}`, { kind })
}

/** What arrives at the other side of an error that a method throws. */
export function asRefused(error: unknown): TeapotError {
  return refusalOf(utf8(JSON.stringify(describe(error))))
}

/** What is refused where too much is asked for at once. */
export function busy(): TeapotError {
  return new TeapotError('lattice/busy', 'Cannot answer: expected fewer requests at once; ask again', {
    kind: 'unavailable',
  })
}

/** At most so many answers of a method under way, for all peers together: where what it takes is scarce, a stranger cannot queue up before its owner. */
export function atMost(most: number, method: LatticeMethod): LatticeMethod {
  let underWay = 0
  return async (...asked) => {
    if (underWay >= most) throw busy()
    underWay++
    try {
      return await method(...asked)
    } finally {
      underWay--
    }
  }
}

/** The Ed25519 public key that a connection's handshake proved. */
function keyOf(connection: Connection): Hex {
  const key = connection.remotePeer.publicKey
  return key ? toHex(key.raw) : '0x'
}

function unreachable(address: string, why: string, cause?: unknown): TeapotError {
  return new TeapotError('lattice/unreachable', `Cannot reach the peer at ${address}: ${why}`, {
    kind: 'unavailable',
    cause,
  })
}
