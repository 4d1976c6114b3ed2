import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, parseEvidence } from '@teapot-network/trust'
import { alterFile, ONE_BYTE } from '../attacks/alter-file.ts'
import { addSpy, type Lie, lieAbout, widenGrants } from '../attacks/ledger-lies.ts'
import { placeOwnLauncher } from '../attacks/own-launcher.ts'
import { openTpmMaker } from '../machine/index.ts'
import type { Box, BoxSetup } from '../story/machines.ts'
import { until } from '../story/wait.ts'
import { ACTOR, lyingFirmware, type Recruit, type Siege, untilDrawn } from './opening.ts'
import { PATCHES, type PatchName } from './patches.ts'
import { WAIT_MS } from './watch.ts'

/** A machine that cheats, from the start or once it has been Active. */
export interface Cheat {
  title: string
  /** What its owner does before it is switched on; `folder` is the machine's. */
  setup?(siege: Siege, folder: string): Partial<BoxSetup> | Promise<Partial<BoxSetup>>
  /** How it turns. Without, it is a cheat from the start. */
  turn?(siege: Siege, box: Recruit): unknown
}

const KINDS = {
  'altered-image': {
    title: 'runs an image with one byte changed',
    setup: () => ({ tamper: (folder: string) => alterFile(daemonOf(folder), ONE_BYTE) }),
  },
  'patched-launcher': {
    title: 'measures the genuine image and runs another',
    setup: ({ workshop }) => ({
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
  'added-actor': {
    title: 'is told by its RPC endpoint of an actor that the ledger never held',
    async turn(siege, box) {
      const sha256 = digestOf(await readFile(await siege.workshop.actor(ACTOR)))
      await deceive(siege, box, addSpy(ACTOR, sha256))
    },
  },
  'wider-grant': {
    title: 'is told by its RPC endpoint of a wider grant',
    turn: (siege, box) => deceive(siege, box, widenGrants(ACTOR)),
  },
  'shorter-log': patched('shows its log without the last entry', 'shorterLog'),
  'new-quotes': patched('shows each Verifier another quote, its log without the last entry', 'newQuotes'),
  'no-votes': {
    title: 'shows no votes of its own',
    setup: lyingFirmware,
    async turn(siege, box) {
      await untilDrawn(siege, box)
      await turnPatched(siege, box, 'noVotes')
      // What it owes is told once an epoch is over.
      await siege.watch.untilEpoch(siege.watch.epoch + 1)
    },
  },
  'old-evidence': patched('shows the evidence of its first epoch ever since', 'oldEvidence'),
  'relayed-evidence': {
    title: "gives another node's address for its own, so that it shows that one's evidence",
    async turn({ honest }, box) {
      const files = [box, honest[0]!].map(({ folder }) => join(folder, 'machine.json'))
      const [own, other] = await Promise.all(files.map(async (path) => JSON.parse(await readFile(path, 'utf8'))))
      own.daemon.contact = { ...other.daemon.contact, http: box.proxy.url }
      await writeFile(files[0]!, JSON.stringify(own))
      await box.reboot()
    },
  },
  'gone-silent': { title: 'goes silent', turn: (_, box) => box.stop() },
} as const satisfies Record<string, Cheat>

export type CheatName = keyof typeof KINDS
/** The kinds of cheats, under the names of their machines. */
export const CHEATS: Record<CheatName, Cheat> = KINDS

/** Puts another program under a box whose firmware lies, and starts that; it has turned once it has evidence to show. */
export async function turnPatched({ devnet }: Siege, box: Box, patch: PatchName): Promise<void> {
  await alterFile(daemonOf(box.folder), PATCHES[patch])
  await box.reboot()
  await until(`${box.name} to have evidence`, async () => (await box.status()).evidence, {
    signal: devnet.signal,
    timeoutMs: WAIT_MS,
  })
}

/** Has a box believe a lie; it has turned once it measured what it was told. */
async function deceive(
  { deployment, devnet: { signal } }: Siege,
  { name, url, rpc }: Recruit,
  lie: Lie,
): Promise<void> {
  const logBytes = async () => {
    const answer = await fetch(`${url}/v1/evidence`, { signal })
    return parseEvidence(new Uint8Array(await answer.arrayBuffer())).log.length
  }
  const before = await logBytes()
  rpc.lie([lieAbout(deployment, lie)])
  const measured = async () => (await logBytes()) > before || undefined
  await until(`${name} to measure what it was told`, measured, { signal, timeoutMs: WAIT_MS })
}

function patched(title: string, patch: PatchName): Cheat {
  return { title, setup: lyingFirmware, turn: (siege, box) => turnPatched(siege, box, patch) }
}

function daemonOf(folder: string): string {
  return join(folder, 'image', 'daemon.mjs')
}
