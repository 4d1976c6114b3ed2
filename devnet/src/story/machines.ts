import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LedgerFacts, NodeId, NodeRecord } from '@teapot-network/trust'
import type { Devnet } from '../devnet.ts'
import { freePort } from '../free-port.ts'
import { commandMachine, controlSocket, type MachineStatus, provisionMachine } from '../machine/index.ts'
import type { ManagedProcess } from '../processes/supervisor.ts'
import { type CallProxy, createCallProxy } from '../proxies/call-proxy.ts'
import type { MachineState } from '../state.ts'
import { until } from './wait.ts'

/** What `GET /v1/status` of a daemon tells, as far as the story looks at it. */
export interface NodeStatus {
  node: NodeId
  run: string
  boot: number
  standing: string
  /** Digest of the newest evidence of this run. */
  evidence?: string
  isolation: string
  peers: number
  loaded: { kind: number; name: string; version: number; cid: string }[]
  receipts: { log: number; size: number }
  content: { fetched: { httpBytes: number; swarmBytes: number } }
}

/** One box of the devnet: its process, its folder, and the network before it. */
export interface Box {
  readonly name: string
  readonly folder: string
  /** Where clients reach it: the network before it, which the story can delay and tamper with. */
  readonly proxy: CallProxy
  /** Where its daemon listens. */
  readonly url: string
  readonly boot: MachineStatus
  readonly id: NodeId
  reboot(): Promise<MachineStatus>
  /** Switches it off for good. */
  stop(): Promise<void>
  /** What the machine says of its processes. */
  machine(): Promise<MachineStatus>
  status(): Promise<NodeStatus>
  record(facts: LedgerFacts): NodeRecord
}

/** How a box is set up. */
export interface BoxSetup {
  state: MachineState
  imageDir: string
  maker: { folder: string }
  deployment: unknown
  rpcUrl: string
  contentPeers: string[]
  /** Default 15. */
  graceSeconds?: number
  /** The program that is the machine: its firmware is honest, or its owner's. */
  program: string
  /** What its owner does to it before it is switched on. */
  tamper?: (folder: string) => Promise<void>
}

/** Makes the box's folder where there is none, and switches it on. Resolves when its daemon answers. */
export async function startBox(devnet: Devnet, setup: BoxSetup): Promise<Box> {
  const { state, imageDir, maker, deployment, rpcUrl, contentPeers, graceSeconds = 15, program } = setup
  const { signal, supervisor, paths } = devnet
  const { name, ports } = state
  const folder = paths.machine(name)
  ports.http = await freePort(ports.http)
  ports.p2p = await freePort(ports.p2p)
  const url = `http://127.0.0.1:${ports.http}`
  const proxy = await createCallProxy({ target: url, port: await freePort(ports.contact) })
  ports.contact = proxy.port
  await mkdir(join(folder, 'data'), { recursive: true })
  await keepOperator(join(folder, 'data', 'operator.json'), state)
  const machineFile = await provisionMachine({
    folder,
    name,
    imageDir,
    maker,
    signal,
    daemon: {
      rpcUrls: [rpcUrl],
      deployment,
      http: { host: '127.0.0.1', port: ports.http },
      p2p: { host: '127.0.0.1', port: ports.p2p },
      contact: { http: proxy.url, p2p: `/ip4/127.0.0.1/tcp/${ports.p2p}` },
      contentPeers,
      graceSeconds,
    },
  })
  await setup.tamper?.(folder)
  const machine: ManagedProcess<MachineStatus> = await supervisor.start({
    name,
    command: process.execPath,
    args: [program, machineFile],
    layer: 2,
    ready: settled,
    stopTimeoutMs: 20_000,
    signal,
  })
  if (machine.ready.state === 'halted') throw new Error(`${name} halted: ${machine.ready.error?.message}`)
  const status = async (): Promise<NodeStatus> => {
    const answer = await fetch(`${url}/v1/status`, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) })
    return (await answer.json()) as NodeStatus
  }
  const { node: id } = await until(`${name} to answer`, status, { signal })
  const control = controlSocket(await tpmSocket(machineFile))
  return {
    name,
    folder,
    proxy,
    url,
    boot: machine.ready,
    id,
    status,
    stop: machine.stop,
    machine: () => commandMachine(control, 'status', signal),
    async reboot() {
      const rebooted = await commandMachine(control, 'reboot', signal)
      if (rebooted.state === 'running') await until(`${name} to answer again`, status, { signal })
      return rebooted
    },
    record: (facts) => facts.nodes.find((node) => node.id === id)!,
  }
}

/** The devnet chose the operator's account, so that it could be named in the genesis set and funded; the vote key is the daemon's to make. */
async function keepOperator(path: string, { operatorKey }: MachineState): Promise<void> {
  await writeFile(path, JSON.stringify({ account: operatorKey }), { flag: 'wx', mode: 0o600 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
}

async function tpmSocket(machineFile: string): Promise<string> {
  return JSON.parse(await readFile(machineFile, 'utf8')).tpm.socket
}

/** The machine prints a line a change; booting is over when it runs or halted. */
function settled(line: string): MachineStatus | undefined {
  const status: MachineStatus = JSON.parse(line)
  return (status.state === 'running' && status.launchMs !== undefined) || status.state === 'halted' ? status : undefined
}
