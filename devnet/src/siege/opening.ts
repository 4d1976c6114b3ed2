import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { fundAccounts } from '@teapot-network/ledger/anvil'
import { rawCid } from '@teapot-network/sdk'
import { digestOf, EntryKind } from '@teapot-network/trust'
import { placeOwnLauncher } from '../attacks/own-launcher.ts'
import type { Devnet } from '../devnet.ts'
import { createRpcProxy, type RpcProxy } from '../proxies/rpc-proxy.ts'
import { type MachineState, newMachine } from '../state.ts'
import type { Say } from '../steps.ts'
import { type Box, type BoxSetup, startBox } from '../story/machines.ts'
import { addressOf, type Network, openLedger, releaseFirst } from '../story/network.ts'
import { until } from '../story/wait.ts'
import { openWorkshop, type Workshop } from '../story/workshop.ts'
import { WAIT_MS, type Watch, watchStandings } from './watch.ts'

/** A network under siege. */
export interface Siege extends Network {
  readonly workshop: Workshop
  readonly watch: Watch
  /** Those that never turn; nobody may ever doubt them. */
  readonly honest: readonly Box[]
  /** Two of the first Verifiers, whose owners have their own code below the launcher. */
  readonly liars: readonly Box[]
}

/** What all call: it needs no provider. */
export const ACTOR = 'echo'
const LIARS = 2
/** Silence takes so long to be told from a stalled processor. */
const GRACE_SECONDS = 8
const LYING_MACHINE = fileURLToPath(new URL('../attacks/lying-machine.ts', import.meta.url))

/** From nothing to Verifiers that are all Active. */
export async function openSiege(devnet: Devnet, say: Say): Promise<Siege> {
  const { state } = devnet
  const opening = openWorkshop(devnet, [])
  opening.catch(() => {})
  const network = await openLedger(devnet)
  const workshop = await opening
  const { releases } = workshop
  const released = workshop.actor(ACTOR).then((file) => {
    releases.push({ name: ACTOR, kind: EntryKind.actor, version: 1, grants: [], file })
    return releaseFirst(network, workshop)
  })
  released.catch(() => {})
  const watch = await watchStandings(network)
  const firstLiar = state.machines.length - LIARS
  const boxes = await Promise.all(
    state.machines.map((machine, index) =>
      start(network, workshop, machine, index < firstLiar ? {} : lyingFirmware({ workshop })),
    ),
  )
  await released
  for (const { file } of releases) await putBlock(boxes[0]!, await readFile(file))
  const siege: Siege = Object.assign(network, {
    workshop,
    watch,
    honest: boxes.slice(0, -LIARS),
    liars: boxes.slice(-LIARS),
  })
  network.boxes.push(...boxes)
  await Promise.all(boxes.map((box) => untilActive(siege, box)))
  say(`${boxes.length} Verifiers, all Active in epoch ${watch.epoch}`, { nodes: boxes.map(({ id }) => id) })
  return siege
}

/** A machine of somebody's, with an RPC endpoint of their own. */
export type Recruit = Box & { readonly rpc: RpcProxy }

/** Adds a machine to a siege, as it would come to any network. */
export async function recruit(siege: Siege, name: string, setup: Partial<BoxSetup> = {}): Promise<Recruit> {
  const { devnet, chain, workshop } = siege
  const state = newMachine(name)
  await fundAccounts(chain.url, [addressOf(state.operatorKey)], { signal: devnet.signal })
  const rpc = await createRpcProxy({ target: chain.url })
  return Object.assign(await start(siege, workshop, state, { rpcUrl: rpc.url, ...setup }), { rpc })
}

function start(network: Network, workshop: Workshop, state: MachineState, setup: Partial<BoxSetup>): Promise<Box> {
  const { deployment, chain, devnet } = network
  const { maker, imageDir } = workshop
  const usual = {
    deployment,
    rpcUrl: chain.url,
    contentPeers: [],
    graceSeconds: GRACE_SECONDS,
    program: workshop.machine,
  }
  return startBox(devnet, { state, maker, imageDir, ...usual, ...setup })
}

/** A machine whose firmware measures the genuine launcher and runs the owner's: as long as the image is genuine, nothing is wrong with it. */
export function lyingFirmware({ workshop }: Pick<Siege, 'workshop'>): Partial<BoxSetup> {
  return { program: LYING_MACHINE, tamper: (folder) => placeOwnLauncher(folder, workshop.imageDir) }
}

/** Waits until votes made these boxes Active. @returns since which epoch, the latest of them */
export async function untilActive({ watch, devnet: { signal } }: Siege, ...boxes: Box[]): Promise<number> {
  const since = boxes.map(({ name, id }) => {
    const made = () => watch.changes.findLast(({ node }) => node === id)
    const active = () => (made()?.to === 'active' ? made()!.epoch + 1 : undefined)
    return until(`${name} to be Active`, active, { signal, timeoutMs: WAIT_MS })
  })
  return Math.max(0, ...(await Promise.all(since)))
}

/** Waits until a box may be drawn to vote: who was entitled since the epoch before the last (spec/ledger.md §7.4), and an epoch more. */
export async function untilDrawn(siege: Siege, box: Box): Promise<void> {
  await siege.watch.untilEpoch((await untilActive(siege, box)) + 3)
}

export async function putBlock({ url }: Box, bytes: Uint8Array): Promise<void> {
  const body = bytes as Uint8Array<ArrayBuffer>
  await fetch(`${url}/v1/blocks/${rawCid(digestOf(bytes))}`, { method: 'PUT', body })
}
