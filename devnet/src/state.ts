import { existsSync, readFileSync } from 'node:fs'
import type { Deployment } from '@teapot-network/ledger'
import { type Hex, TeapotError, toHex } from '@teapot-network/trust'
import { replaceFile } from './write-file.ts'

/** What a second start needs to resume the same network. Ports are wishes: one that is taken by then is replaced. */
export interface DevnetState {
  /** Another where older contracts cannot be resumed. */
  v: 2
  chain: { port: number }
  /** Absent until the contracts stand. */
  deployment?: Deployment
  /** Private keys that pay for transactions. The committee's stands in for all of its seats. */
  keys: { committee: Hex; developer: Hex; client: Hex }
  machines: MachineState[]
  /** Whether the story was told to its end. */
  told?: boolean
}

/** One machine as it was left. */
export interface MachineState {
  name: string
  /** The private key of its operator's account. */
  operatorKey: Hex
  /** The address in its contact: the network before it ({@link CallProxy}), then its own ports. */
  ports: { contact: number; http: number; p2p: number; rpcProxy: number }
}

/** A network that never ran: fresh keys, ports still to be found. */
export function newState(nodes: number): DevnetState {
  return {
    v: 2,
    chain: { port: 0 },
    keys: { committee: newKey(), developer: newKey(), client: newKey() },
    machines: Array.from({ length: nodes }, (_, index) => newMachine(`node-${index + 1}`)),
  }
}

/** A machine that never ran. */
export function newMachine(name: string): MachineState {
  return { name, operatorKey: newKey(), ports: { contact: 0, http: 0, p2p: 0, rpcProxy: 0 } }
}

/**
 * Reads what the last run left; undefined when there was none.
 *
 * @throws TeapotError `devnet/state-unreadable` when it cannot be read; it is never guessed at or overwritten
 */
export function readState(file: string): DevnetState | undefined {
  if (!existsSync(file)) return undefined
  try {
    const state: DevnetState = JSON.parse(readFileSync(file, 'utf8'))
    if (state.v === 2 && Array.isArray(state.machines) && state.keys && state.chain) return state
  } catch {
    // The same answer as for a file of another shape.
  }
  throw new TeapotError(
    'devnet/state-unreadable',
    `Expected ${file} to hold a devnet of this version, found something else. Start over with \`npm start -- --fresh\`.`,
  )
}

/** Saves, in one step. */
export function writeState(file: string, state: DevnetState): void {
  replaceFile(file, `${JSON.stringify(state, null, 2)}\n`)
}

function newKey(): Hex {
  // The chance that 32 random bytes are no valid secp256k1 key is 2^-128.
  return toHex(crypto.getRandomValues(new Uint8Array(32)))
}
