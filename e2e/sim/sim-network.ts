import { type Digest, digestOf, type Hex, TeapotError } from '@teapot-network/trust'
import { asRefused, type Lattice } from '../../daemon/src/lattice/lattice.ts'
import type { SimTime } from './sim-time.ts'

/** One method of a peer; `from` is the address of whoever asks. */
export type SimMethod = (body: Uint8Array, from: string) => Promise<Uint8Array>

/** A peer on the simulated network, by its address. */
export interface SimPeer {
  peerKey: Hex
  methods: Record<string, SimMethod>
  /** Whether its TPM holds the key of an EK certificate. */
  holds(certificate: Uint8Array): boolean
  /** Content blocks that it serves. */
  blocks: Map<Digest, Uint8Array>
}

/** Delays, loses and parts; what it carries is real. */
export interface SimNetwork {
  peers: Map<string, SimPeer>
  /** Whether the one cannot reach the other now. */
  parted: (from: string, to: string) => boolean
  /** Whose messages take long, either way. */
  slow?: string
  /** The lattice as the node at this address has it. */
  latticeOf(address: string): Pick<Lattice, 'request'>
  /** A block from whoever serves it. */
  fetch(address: string, digest: Digest, signal: AbortSignal): Promise<Uint8Array>
}

const LOSS = 0.02
const GIVE_UP_MS = 3_000
const SLOW_MS = 1_500

export function createSimNetwork(time: SimTime, random: () => number): SimNetwork {
  // Whole tens, so that much is due at once.
  const delayMs = () => 10 * Math.ceil(1 + random() * (random() < 0.05 ? 150 : 15))
  const unreachable = (what: string) => new TeapotError('lattice/unreachable', what, { kind: 'unavailable' })
  const network: SimNetwork = {
    peers: new Map(),
    parted: () => false,
    latticeOf: (from) => ({
      async request(address, method, body, signal) {
        const peer = network.peers.get(address)
        const lost = !peer || network.parted(from, address) || random() < LOSS
        const slowMs = network.slow === from || network.slow === address ? SLOW_MS : 0
        await time.sleep(lost ? GIVE_UP_MS : delayMs() + slowMs, signal)
        if (lost || signal.aborted) throw unreachable(`${address} does not answer`)
        const answer = await peer.methods[method]!(body, from).catch((error) => Promise.reject(asRefused(error)))
        await time.sleep(delayMs() + slowMs, signal)
        if (signal.aborted) throw unreachable(`${address} answers too late`)
        return { body: answer, peerKey: peer.peerKey }
      },
    }),
    async fetch(address, digest, signal) {
      for (const [other, { blocks }] of network.peers) {
        const block = blocks.get(digest)
        if (!block || network.parted(address, other)) continue
        if (other !== address) await time.sleep(delayMs(), signal)
        return block
      }
      await time.sleep(GIVE_UP_MS, signal)
      throw new TeapotError('content/unreachable', `nobody serves ${digest}`, { kind: 'unavailable' })
    },
  }
  return network
}

/** Puts a block into what a peer serves. */
export function keep({ blocks }: SimPeer, block: Uint8Array): void {
  blocks.set(digestOf(block), block)
}
