import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Deployment } from '@teapot-network/ledger'
import { type Hex, TeapotError } from '@teapot-network/trust'
import type { Arguments, Io } from './command.ts'

/** How to reach a network: `.teapot/network.json`. */
export interface Network {
  rpcUrls: string[]
  deployment: Deployment
  /** Development keys, in a devnet only. */
  keys?: { developer?: Hex; committee?: Hex }
}

/**
 * Reads the network file named by `--network`, else the nearest `.teapot/network.json` from the working folder upwards.
 * @throws TeapotError `cli/no-network`, `cli/network-malformed`
 */
export function readNetwork({ values }: Arguments, { cwd }: Io): Network {
  const named = values['network'] as string | undefined
  const file = named === undefined ? findUpwards(cwd) : resolve(cwd, named)
  let network: Network
  try {
    network = JSON.parse(readFileSync(file, 'utf8')) as Network
  } catch (cause) {
    throw new TeapotError('cli/network-malformed', `Cannot read ${file}: ${(cause as Error).message}`, { cause })
  }
  if (!Array.isArray(network.rpcUrls) || network.rpcUrls.length === 0 || typeof network.deployment !== 'object') {
    throw new TeapotError('cli/network-malformed', `Cannot read ${file}: expected rpcUrls and deployment`)
  }
  return network
}

function findUpwards(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, '.teapot', 'network.json')
    if (existsSync(file)) return file
    if (folder === dirname(folder)) break
  }
  throw new TeapotError(
    'cli/no-network',
    `Cannot find a network: expected .teapot/network.json in ${from} or above; start one with npm start, or name one with --network`,
    { kind: 'unavailable' },
  )
}
