import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rawCid } from '@teapot-network/sdk'
import { type Digest, digestOf, EntryKind, utf8 } from '@teapot-network/trust'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Devnet } from '../devnet.ts'
import { type DevnetPaths, openPaths } from '../paths.ts'
import { Supervisor } from '../processes/supervisor.ts'
import { newState } from '../state.ts'
import { approve, type Network, openLedger, releaseFirst } from './network.ts'
import type { Workshop } from './workshop.ts'

const state = newState(4)
const FILE = utf8('a rule')
const sha256 = digestOf(FILE)
const ANY = `0x${'01'.repeat(32)}` as Digest

let paths: DevnetPaths
let workshop: Pick<Workshop, 'image' | 'releases'>
let supervisor: Supervisor
let network: Network | undefined

beforeEach(() => {
  paths = openPaths(mkdtempSync(join(tmpdir(), 'teapot-network-')))
  const file = join(paths.folder, 'rule')
  writeFileSync(file, FILE)
  workshop = {
    image: { node: ANY, files: { 'daemon.mjs': ANY, 'launcher.mjs': ANY }, flags: [], settings: {} },
    releases: [{ name: 'vote', kind: EntryKind.actor, version: 1, grants: [], file }],
  }
})
afterEach(async () => {
  await cut()
  rmSync(paths.folder, { recursive: true, force: true })
})

/** What a start of `npm start` does first. */
async function start(): Promise<Network> {
  supervisor = new Supervisor(paths)
  const { signal } = new AbortController()
  network = await openLedger({ paths, supervisor, state, saveState: () => {}, signal } as unknown as Devnet)
  return network
}

/** The end of a start, whatever is under way. */
async function cut(): Promise<void> {
  await network?.committee[Symbol.asyncDispose]()
  network = undefined
  await supervisor[Symbol.asyncDispose]()
}

async function expectReleased({ ledger }: Network): Promise<void> {
  const { entries, referenceValues } = await ledger.readFacts({})
  expect(entries).toMatchObject([{ name: 'vote', version: 1, status: 'current', sha256 }])
  expect(referenceValues).toHaveLength(1)
}

test('wherever a start was cut, the next releases what is missing and nothing twice', async () => {
  const { committee } = await start()
  const args = ['vote', EntryKind.actor, 1n, sha256, rawCid(sha256), '0x'] as const
  await committee.send({ contract: 'codeRegistry', functionName: 'publish', args })
  await cut()

  const again = await start()
  const approval = releaseFirst(again, workshop)
  approval.catch(() => {})
  while (again.committee.pending === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  await cut()

  const last = await start()
  await releaseFirst(last, workshop)
  await approve(last, 'vote', 1)
  await expectReleased(last)
}, 180_000)

test('a chain that was killed before it kept anything is deployed to again', async () => {
  await start()
  await cut()
  rmSync(paths.chain, { recursive: true })
  const next = await start()
  await releaseFirst(next, workshop)
  await expectReleased(next)
}, 180_000)
