import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Hex, TeapotError } from '@teapot-network/trust'
import { freePort } from './free-port.ts'
import type { ManagedProcess, Supervisor } from './processes/supervisor.ts'

const HARDFORK = 'osaka'
const LISTENING = /^Listening on 127\.0\.0\.1:(\d+)/

/** The devnet's chain: one anvil. */
export interface Chain {
  readonly url: string
  readonly port: number
  readonly process: ManagedProcess<number>
  /** Gives accounts 1,000 ether each. */
  fund(addresses: Hex[]): Promise<void>
}

/** Where and how the chain runs. */
export interface ChainOptions {
  supervisor: Supervisor
  /** Holds the saved chain; what stands there is resumed. */
  folder: string
  /** The port of last time, or 0. */
  port: number
  blockSeconds?: number
  signal?: AbortSignal
}

/**
 * Starts anvil, saving its state every second.
 *
 * @throws TeapotError `devnet/wrong-hardfork` when the chain that answers is not the one asked for: the contracts need P256VERIFY
 */
export async function startChain({ supervisor, folder, port, blockSeconds = 1, signal }: ChainOptions): Promise<Chain> {
  const state = join(folder, 'anvil.json')
  keepReadable(state)
  const anvil = await supervisor.start({
    name: 'chain',
    command: 'anvil',
    args: [
      ...['--port', String(await freePort(port)), '--hardfork', HARDFORK, '--block-time', String(blockSeconds)],
      ...['--state', state, '--state-interval', '1', '--preserve-historical-states', '--accounts', '1'],
    ],
    layer: 0,
    ready: (line) => {
      const found = LISTENING.exec(line)?.[1]
      return found === undefined ? undefined : Number(found)
    },
    ...(signal && { signal }),
  })
  const url = `http://127.0.0.1:${anvil.ready}`
  const { hardFork } = (await ask(url, 'anvil_nodeInfo', [], signal)) as { hardFork: string }
  if (hardFork.toLowerCase() !== HARDFORK) {
    throw new TeapotError(
      'devnet/wrong-hardfork',
      `Expected the chain at ${url} to run ${HARDFORK}, found ${hardFork}.`,
    )
  }
  return {
    url,
    port: anvil.ready,
    process: anvil,
    async fund(addresses) {
      for (const address of addresses) await ask(url, 'anvil_setBalance', [address, '0x3635c9adc5dea00000'], signal)
    },
  }
}

/** anvil writes its state in place: one that was cut short by a crash gives way to the copy made at the last good start. */
function keepReadable(state: string): void {
  const copy = `${state}.last-good`
  if (!existsSync(state)) return
  try {
    JSON.parse(readFileSync(state, 'utf8'))
    copyFileSync(state, copy)
  } catch (cause) {
    if (!existsSync(copy)) {
      const message = `Expected ${state} to hold the saved chain, found a damaged file and no copy. Start over with \`npm start -- --fresh\`.`
      throw new TeapotError('devnet/state-unreadable', message, { cause })
    }
    copyFileSync(copy, state)
  }
}

async function ask(url: string, method: string, params: unknown[], signal?: AbortSignal): Promise<unknown> {
  const timeout = AbortSignal.timeout(10_000)
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  })
  const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } }
  if (error) throw new TeapotError('devnet/chain-refused', `${method}: ${error.message}`, { kind: 'fault' })
  return result
}
