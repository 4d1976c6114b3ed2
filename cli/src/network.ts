import { readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Client, createWitness, Equivocation, type Witness } from '@teapot-network/sdk'
import { connect, type Deployment, parseDeployment, saveEquivocation, witnessFiles } from '@teapot-network/sdk/node'
import { type Hex, TeapotError } from '@teapot-network/trust'
import type { Arguments, Io } from './command.ts'

/** How to reach a network: what `.teapot/network.json` says. */
export interface Network {
  /** The folder of the file: transactions wait here until they are mined. */
  folder: string
  rpcUrls: string[]
  deployment: Deployment
  /** Development keys, in a devnet only. */
  keys: { developer?: Hex; committee?: Hex }
}

/**
 * Reads the network file named by `--network`, else the nearest `.teapot/network.json` from the working folder upwards.
 * @throws TeapotError `cli/no-network`, `cli/network-malformed`, `ledger/deployment-malformed`
 */
export function readNetwork({ values }: Arguments, { cwd }: Io): Network {
  const named = values['network'] as string | undefined
  const file = named === undefined ? findNetworkFile(cwd) : resolve(cwd, named)
  let read: { rpcUrls?: unknown; deployment?: unknown; keys?: unknown } | null
  try {
    read = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw malformed(file, (cause as Error).message, cause)
  }
  const rpcUrls = read?.rpcUrls
  if (!Array.isArray(rpcUrls) || rpcUrls.length === 0 || !rpcUrls.every((url) => typeof url === 'string')) {
    throw malformed(file, 'expected one URL or more in rpcUrls')
  }
  const deployment = parseDeployment(JSON.stringify(read?.deployment ?? null))
  return { folder: dirname(file), rpcUrls, deployment, keys: (read?.keys ?? {}) as Network['keys'] }
}

/** A client of the network of these arguments: what it sees of nodes' logs it keeps beside the network file. Same errors. */
export function connectNetwork(args: Arguments, io: Io): { network: Network; client: Client } {
  const network = readNetwork(args, io)
  const { folder, rpcUrls, deployment } = network
  const witness = keepEquivocations(
    createWitness(witnessFiles(join(folder, 'witnessed'))),
    join(folder, 'equivocations'),
  )
  return { network, client: connect({ rpcUrls, deployment, witness, signal: io.signal }) }
}

/** A witness that writes what a node can be convicted by into a file, which the error then names. */
export function keepEquivocations(witness: Witness, folder: string): Witness {
  return {
    async see(...seen) {
      try {
        await witness.see(...seen)
      } catch (error) {
        if (!(error instanceof Equivocation)) throw error
        const file = await saveEquivocation(error, folder)
        throw new TeapotError(error.code, `${error.message}: teapot node convict ${file}`, { cause: error })
      }
    },
  }
}

/** The key that pays. @throws TeapotError `cli/no-key` */
export function requireKey(key: Hex | undefined): Hex {
  if (key !== undefined) return key
  throw new TeapotError('cli/no-key', 'Cannot sign: expected a key in the network file (keys.developer), found none')
}

function malformed(file: string, found: string, cause?: unknown): TeapotError {
  return new TeapotError(
    'cli/network-malformed',
    `Cannot read the network file ${file}: ${found}; npm start writes one, .teapot/network.json`,
    { cause },
  )
}

/**
 * The nearest `.teapot/network.json` from a folder upwards. It says whose ledger is believed, so in a folder that others write to as well it must
 * be the user's own, unless it is named.
 * @throws TeapotError `cli/no-network`
 */
export function findNetworkFile(from: string, user = process.getuid?.()): string {
  let found = 'none'
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, '.teapot', 'network.json')
    const owner = ownerOf(file)
    if (owner !== undefined && (user === undefined || owner === user)) return file
    if (owner !== undefined) found = `one of user ${owner}, which is taken only when you name it: --network ${file}`
    if (folder === dirname(folder) || owner !== undefined) break
  }
  throw new TeapotError(
    'cli/no-network',
    `Cannot find a network: expected .teapot/network.json in ${from} or above, found ${found}; start one with npm start, or name one with --network`,
    { kind: 'unavailable' },
  )
}

/** Undefined where nothing can be seen. */
function ownerOf(file: string): number | undefined {
  try {
    return statSync(file).uid
  } catch {
    return undefined
  }
}
