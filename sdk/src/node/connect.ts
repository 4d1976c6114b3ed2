import { createLedger, type Deployment } from '@teapot-network/ledger'
import { type Client, type ClientOptions, createClient } from '../client.ts'

/** How to find a network. */
export interface ConnectOptions extends Omit<ClientOptions, 'ledger'> {
  /** With several, all that answer must agree. */
  rpcUrls: readonly string[]
  deployment: Deployment
  /** Ends whatever the client waits for. */
  signal?: AbortSignal
}

/** A client that reads the ledger itself. Nothing is asked before the first use. */
export function connect({ rpcUrls, deployment, signal, ...options }: ConnectOptions): Client {
  const ledger = createLedger({ rpcUrls, deployment, ...(signal === undefined ? {} : { signal }) })
  return createClient({ ledger, ...options })
}
