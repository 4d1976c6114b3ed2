import { type Client, createClient } from '@teapot-network/sdk'
import type { Arguments, Io } from './command.ts'
import { type Network, readNetwork } from './network.ts'

/** A network and a client of it. */
export interface Connected {
  network: Network
  client: Client
}

/** Reads the network file and makes a client over its ledger. @throws TeapotError `cli/no-network`, `cli/network-malformed` */
export async function connectNetwork(args: Arguments, io: Io): Promise<Connected> {
  const network = readNetwork(args, io)
  const { createLedger } = await import('@teapot-network/ledger')
  const { rpcUrls, deployment } = network
  return { network, client: createClient({ ledger: createLedger({ rpcUrls, deployment, signal: io.signal }) }) }
}
