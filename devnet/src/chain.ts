import { join } from 'node:path'
import { startAnvil } from '@teapot-network/ledger/anvil'
import { freePort } from './free-port.ts'
import type { Supervisor } from './processes/supervisor.ts'

/** The devnet's chain: one anvil. */
export interface Chain {
  readonly url: string
  readonly port: number
  readonly pid: number
}

/** Where and how the chain runs. */
export interface ChainOptions {
  supervisor: Supervisor
  /** Holds the saved chain; what stands there is resumed. */
  folder: string
  /** The port of last time, or 0; one that is taken by now is replaced. */
  port: number
  blockSeconds?: number
  signal?: AbortSignal
}

/** It saves its state before it ends; one that is killed over that cannot be resumed. */
const SAVE_MS = 15_000

/** Starts the chain and hands it to the supervisor, as the last that stops. */
export async function startChain({ supervisor, folder, port, blockSeconds = 1, signal }: ChainOptions): Promise<Chain> {
  const anvil = await startAnvil({
    port: await freePort(port),
    statePath: join(folder, 'anvil.json'),
    blockTimeSeconds: blockSeconds,
    ...(signal && { signal }),
  })
  supervisor.adopt({ name: 'chain', pid: anvil.pid, layer: 0, ended: anvil.exited, stopTimeoutMs: SAVE_MS })
  return { url: anvil.url, port: anvil.port, pid: anvil.pid }
}
