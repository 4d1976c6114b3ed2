import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '@teapot-network/trust'
import { alterFile, ONE_BYTE } from '../attacks/alter-file.ts'
import { addSpy, type Lie, lieAbout, widenGrants } from '../attacks/ledger-lies.ts'
import { placeOwnLauncher } from '../attacks/own-launcher.ts'
import { openTpmMaker } from '../machine/index.ts'
import { createRpcProxy, type RpcProxy } from '../proxies/rpc-proxy.ts'
import type { Box, BoxSetup } from '../story/machines.ts'
import { ACTOR, lyingFirmware, type Siege } from './opening.ts'
import { PATCHES, type PatchName } from './patches.ts'

/** A machine that cheats, from the start or once it has been Active. */
export interface Cheat {
  title: string
  /** What its owner does before it is switched on. */
  setup?(siege: Siege, folder: string): Promise<Partial<BoxSetup>>
  /** How it turns. Without, it is a cheat from the start. */
  turn?(siege: Siege, box: Box): Promise<unknown>
}

/** RPC endpoints of owners who have their own, by the box's name. */
const endpoints = new Map<string, RpcProxy>()

const KINDS = {
  'altered-image': {
    title: 'runs an image with one byte changed',
    setup: async () => ({ tamper: (folder) => alterFile(daemonOf(folder), ONE_BYTE) }),
  },
  'patched-launcher': {
    title: 'measures the genuine image and runs another',
    setup: async ({ workshop }) => ({
      async tamper(folder) {
        await placeOwnLauncher(folder, workshop.imageDir)
        await alterFile(daemonOf(folder), ONE_BYTE)
      },
    }),
  },
  'unknown-maker': {
    title: 'has a TPM of a maker that nobody knows',
    setup: async (_, folder) => ({ maker: await openTpmMaker(join(folder, 'ca')) }),
  },
  'added-actor': ownEndpoint(
    'is told by its RPC endpoint of an actor that the ledger never held',
    async ({ workshop }) => addSpy(ACTOR, digestOf(await readFile(await workshop.actor(ACTOR)))),
  ),
  'wider-grant': ownEndpoint('is told by its RPC endpoint of a wider grant', async () => widenGrants(ACTOR)),
  'shorter-log': patched('shows its log without the last entry', 'shorterLog'),
  'old-evidence': patched('shows the evidence of its first epoch ever since', 'oldEvidence'),
  'relayed-evidence': {
    title: "gives another node's address for its own, so that it shows that one's evidence",
    async turn({ honest }, box) {
      const [own, others] = [join(box.folder, 'machine.json'), join(honest[0]!.folder, 'machine.json')]
      const [file, victim] = await Promise.all(
        [own, others].map(async (path) => JSON.parse(await readFile(path, 'utf8'))),
      )
      file.daemon.contact = { ...victim.daemon.contact, http: box.proxy.url }
      await writeFile(own, JSON.stringify(file))
      await box.reboot()
    },
  },
  'gone-silent': { title: 'goes silent', turn: (_, box) => box.stop() },
} as const satisfies Record<string, Cheat>

export type CheatName = keyof typeof KINDS
/** The kinds of cheats, under the names of their machines. */
export const CHEATS: Record<CheatName, Cheat> = KINDS

/** Copies an honest node's TPM into a box before it is switched on: two machines that quote under one node id. */
export function stolenTpm(victim: Box): Partial<BoxSetup> {
  return {
    async tamper(folder) {
      await rm(join(folder, 'tpm'), { recursive: true })
      await cp(join(victim.folder, 'tpm'), join(folder, 'tpm'), { recursive: true })
    },
  }
}

/** Puts another program under a box whose firmware lies, and starts that. */
export async function turnPatched(box: Box, patch: PatchName): Promise<void> {
  await alterFile(daemonOf(box.folder), PATCHES[patch])
  await box.reboot()
}

function patched(title: string, patch: PatchName): Cheat {
  return { title, setup: async (siege) => lyingFirmware(siege), turn: (_, box) => turnPatched(box, patch) }
}

function ownEndpoint(title: string, lie: (siege: Siege) => Promise<Lie>): Cheat {
  return {
    title,
    async setup({ chain, devnet }, folder) {
      const endpoint = await createRpcProxy({ target: chain.url })
      devnet.signal.addEventListener('abort', () => void endpoint[Symbol.asyncDispose]())
      endpoints.set(folder, endpoint)
      return { rpcUrl: endpoint.url }
    },
    turn: async (siege, box) => endpoints.get(box.folder)?.lie([lieAbout(siege.deployment, await lie(siege))]),
  }
}

function daemonOf(folder: string): string {
  return join(folder, 'image', 'daemon.mjs')
}
