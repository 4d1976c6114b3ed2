import { mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Where a devnet keeps everything: one folder, `.teapot/` unless told otherwise. All paths are absolute. */
export interface DevnetPaths {
  /** The folder itself, with symbolic links resolved. */
  readonly folder: string
  /** Who holds this folder: see `processes/lock.ts`. */
  readonly lock: string
  /** The processes started and not yet stopped: see `processes/record.ts`. */
  readonly processes: string
  /** What a second start needs to resume the same network: see `state.ts`. */
  readonly state: string
  /** How to reach the network: what the `teapot` command looks for. */
  readonly network: string
  /** One log file a process. */
  readonly logs: string
  /** anvil's saved chain. */
  readonly chain: string
  /** The simulated TPM maker: its CA key and certificates. */
  readonly ca: string
  /** What the developer publishes from. */
  readonly publisher: string
  /** The client's side: saved proofs. */
  readonly client: string
  /** One machine's folder: its own copy of the runtime image, its TPM's state, its data. */
  machine(name: string): string
}

/** The layout under `folder`, which is made when it does not exist. */
export function openPaths(folder: string): DevnetPaths {
  mkdirSync(folder, { recursive: true })
  const root = realpathSync(folder)
  const paths: DevnetPaths = {
    folder: root,
    lock: join(root, 'lock'),
    processes: join(root, 'processes.json'),
    state: join(root, 'state.json'),
    network: join(root, 'network.json'),
    logs: join(root, 'logs'),
    chain: join(root, 'chain'),
    ca: join(root, 'ca'),
    publisher: join(root, 'publisher'),
    client: join(root, 'client'),
    machine: (name) => join(root, 'machines', name),
  }
  makeFolders(paths)
  return paths
}

/** Forgets the network of last time. Removes only what a devnet makes, whatever else stands in the folder. */
export function clearPaths(paths: DevnetPaths): void {
  const { state, processes, network, logs, chain, ca, publisher, client } = paths
  for (const path of [state, processes, network, logs, chain, ca, publisher, client, dirname(paths.machine('any'))]) {
    rmSync(path, { recursive: true, force: true })
  }
  // The command line keeps its transactions beside the network file that it was given.
  for (const name of readdirSync(paths.folder)) if (/-queue\.sqlite/.test(name)) rmSync(join(paths.folder, name))
  makeFolders(paths)
}

function makeFolders({ logs, chain, ca, publisher, client }: DevnetPaths): void {
  for (const path of [logs, chain, ca, publisher, client]) mkdirSync(path, { recursive: true })
}
