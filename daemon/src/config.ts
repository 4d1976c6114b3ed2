import { readFile } from 'node:fs/promises'
import type { Deployment } from '@teapot-network/ledger'
import { TeapotError } from '@teapot-network/trust'
import type { TpmAddress } from './tpm/index.ts'

/** What the owner of a machine sets. Nothing in it can make a measurement look other than it is. */
export interface DaemonConfig {
  /** JSON-RPC endpoints; where several are named, they must agree. */
  rpcUrls: string[]
  deployment: Deployment
  http: { host: string; port: number }
  p2p: { host: string; port: number }
  /** How others reach this box, where that differs from where it listens. */
  contact?: { http: string; p2p: string }
  /** HTTP gateways to ask for content besides the nodes on the ledger. */
  contentPeers: string[]
  /** How long after an epoch opened a node that gave no evidence is reported silent. */
  graceSeconds: number
  contentQuotaBytes: number
  /** What providers are told by the owner, by their names (spec/host.md §6.9). */
  providers?: Record<string, Record<string, unknown>>
  /** A file of secrets, by actor (spec/host.md §6.9); only the owner may read it. */
  secretsFile?: string
  /** A folder of the EK certificate's issuers (DER or PEM), for a chip that does not keep them itself. */
  ekIssuers?: string
  /** A folder of what the processor's maker says of it, for an enclave's report that does not bring it. */
  collateral?: string
}

/** `machine.json`: where the parts of one box are (spec/launch.md). Paths are absolute. */
export interface MachineFile {
  name: string
  dataDir: string
  imageDir: string
  runDir: string
  eventLog: string
  tpm: TpmAddress
  daemon: DaemonConfig
}

/** Reads `machine.json`. @throws TeapotError `daemon/bad-config` naming the first field that is missing. */
export async function readMachineFile(path: string): Promise<MachineFile> {
  let file: MachineFile
  try {
    file = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new TeapotError('daemon/bad-config', `Cannot read ${path}: ${(cause as Error).message}`, { cause })
  }
  const missing = ['name', 'dataDir', 'imageDir', 'runDir', 'eventLog', 'tpm', 'daemon'].find((key) => !(key in file))
  const absent = missing ?? ['rpcUrls', 'deployment', 'http', 'p2p'].find((key) => !(key in file.daemon))
  if (absent) throw new TeapotError('daemon/bad-config', `Cannot use ${path}: ${absent} is missing`)
  file.daemon.contentPeers ??= []
  file.daemon.graceSeconds ??= 20
  file.daemon.contentQuotaBytes ??= 1 << 30
  return file
}
