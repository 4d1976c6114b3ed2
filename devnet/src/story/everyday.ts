import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { rawCid } from '@teapot-network/sdk'
import type { Hex } from '@teapot-network/trust'
import { ASKED, type CallAnswer, type StoryClient } from './client.ts'
import type { Box } from './machines.ts'
import { approve } from './network.ts'
import type { OpenNetwork } from './opening.ts'
import { until } from './wait.ts'

const ACTORS = resolve(import.meta.dirname, '../../../actors/samples')
const GRANTS = 'wascc:keyvalue,wascc:logging'
/** The status of an answer that did not come in time (spec/call.md §4.1). */
const DEADLINE_PASSED = 504
/** What the nearest and all other nodes seem to be away, in milliseconds, and at most: a client gives a node five seconds for a few round trips. */
const [NEAR_MS, FAR_MS, FARTHEST_MS] = [2, 80, 1_000]

/** Step 5. */
export async function publishFirst(network: OpenNetwork, client: StoryClient): Promise<void> {
  const { devnet } = network
  await devnet.step('5', 'A developer publishes an actor and a page; nothing is deployed', async (say) => {
    const file = await network.workshop.actor('greeter')
    const { cid, sha256 } = await publishActor(network, client, { name: 'greeter', version: 1, file, grants: GRANTS })
    say(`actor greeter v1, written in AssemblyScript: ${cid}`, { cid, sha256 })
    const [url] = await Promise.all([publishPage(network, client), approveActor(network, 'greeter', 1)])
    const answer = await fetch(url)
    const shown = `${answer.status} ${answer.headers.get('content-type')}`
    if (!answer.ok) throw new Error(`Expected the page at ${url}, found ${shown}`)
    say(`page ${url} (${shown})`, { url })
    say('every node has fetched, checked, measured and loaded it')
  })
}

/** Step 6. */
export async function callAndVerify(network: OpenNetwork, client: StoryClient): Promise<void> {
  const { devnet, boxes } = network
  await devnet.step(
    '6',
    'A client picks the nearest node, appraises it, calls, and checks the proof offline',
    async (say) => {
      const save = join(devnet.paths.client, 'greeting.proof')
      const [first, second] = [boxes[0]!, boxes[1]!]
      const answer = await callNearest(network, client, first, { save })
      say(`${first.name} is nearest and answers "${answer.text}", sealed both ways`, { ...answer })
      const again = await callNearest(network, client, second)
      say(`the delays swap: now ${second.name} is nearest and answers "${again.text}"`, { ...again })
      nearest(network, undefined)
      const { where, tree } = await verifyOffline(network, client, save, answer.text)
      say(`the proof holds ${where}:`)
      say(tree)
    },
  )
}

/** Step 9. */
export async function upgrade(network: OpenNetwork, client: StoryClient): Promise<void> {
  const { devnet, boxes } = network
  await devnet.step(
    '9',
    'Version 2 of the actor goes on the ledger, and every node swaps it in while it serves',
    async (say) => {
      const file = await network.workshop.actor('greeter-v2')
      const calls = callSteadily(boxes[0]!.url, devnet.signal)
      await publishActor(network, client, { name: 'greeter', version: 2, file, grants: GRANTS })
      await approveActor(network, 'greeter', 2)
      const { answered, failed } = await calls.stop()
      say(`${answered} calls were answered meanwhile, ${failed} failed`, { answered, failed })
      if (failed > 0 || answered === 0) throw new Error(`Expected no failed call during the swap, found ${failed}`)
      const save = join(devnet.paths.client, 'greeting-v2.proof')
      const answer = await client.call({ save })
      const { stdout } = await client.run(['proof', 'verify', save, '--json'])
      const { actor } = JSON.parse(stdout).claims
      if (actor.version !== 2) throw new Error(`Expected the proof to name version 2, found ${actor.version}`)
      say(`"${answer.text}", and its proof names ${actor.name} version ${actor.version}`, { actor })
    },
  )
}

/** Puts an actor on the ledger through the command line. */
export async function publishActor(
  network: OpenNetwork,
  client: StoryClient,
  { name, version, file, grants }: { name: string; version: number; file: string; grants: string },
): Promise<{ cid: string; sha256: Hex }> {
  const { devnet, ledger, boxes } = network
  const { entries } = await ledger.readFacts({ signal: devnet.signal })
  const there = entries.find((entry) => entry.name === name && entry.version === version)
  if (there) {
    // A story that was cut here goes on here: the name may be on the ledger, and the bytes on no node yet.
    const bytes = await readFile(file)
    await until('a node to take the bytes', () => offerBlock(boxes[0]!, there.sha256, bytes), devnet)
    return there
  }
  const published = await client.run([
    ...['actor', 'publish', file, '--name', name, '--version', String(version), '--grants', grants, '--json'],
    ...['--network', devnet.paths.network],
  ])
  const answer = JSON.parse(published.stdout || '{}')
  if (published.exitCode !== 0) throw new Error(answer.error?.message ?? published.stderr)
  return answer
}

/** Offers a box bytes that its ledger names. */
export async function offerBlock({ url }: Box, sha256: Hex, bytes: Uint8Array): Promise<true | undefined> {
  const body = bytes as Uint8Array<ArrayBuffer>
  return (await fetch(`${url}/v1/blocks/${rawCid(sha256)}`, { method: 'PUT', body })).ok || undefined
}

async function publishPage({ devnet: { paths } }: OpenNetwork, client: StoryClient): Promise<string> {
  const file = join(ACTORS, 'page', 'index.html')
  const { exitCode, stdout, stderr } = await client.run([
    ...['page', 'publish', file, '--name', 'greeter-page', '--json', '--network', paths.network],
  ])
  const { holder, cid, error } = JSON.parse(stdout || '{}')
  if (exitCode !== 0) throw new Error(error?.message ?? stderr)
  return `${holder}/ipfs/${cid}`
}

/** Resolves when every node has loaded what was approved. */
export async function approveActor(network: OpenNetwork, name: string, version: number): Promise<void> {
  await approve(network, name, version)
  await untilLoaded(network, name, version)
}

async function untilLoaded({ boxes, devnet }: OpenNetwork, name: string, version: number): Promise<void> {
  const hasIt = async (box: (typeof boxes)[number]) =>
    (await box.status()).loaded.some((entry) => entry.name === name && entry.version === version) || undefined
  await Promise.all(boxes.map((box) => until(`${box.name} to load ${name} v${version}`, () => hasIt(box), devnet)))
}

/** Makes one box near and the others far; without a name all are near. */
function nearest({ boxes }: OpenNetwork, name: string | undefined, farMs = FAR_MS): void {
  for (const box of boxes) box.proxy.setDelayMs(name === undefined ? 0 : box.name === name ? NEAR_MS : farMs)
}

/** Makes one box near, and calls until it is picked: on a busy machine its own work may take longer than the way to the others, which is doubled then. */
function callNearest(network: OpenNetwork, client: StoryClient, box: Box, options = {}): Promise<CallAnswer> {
  let farMs = FAR_MS / 2
  const probe = async () => {
    farMs = Math.min(farMs * 2, FARTHEST_MS)
    nearest(network, box.name, farMs)
    const answer = await client.call(options)
    if (answer.node === box.id) return answer
    throw new Error(`${network.boxes.find(({ id }) => id === answer.node)?.name} was picked`)
  }
  return until(`the nearest node, ${box.name}, to be picked`, probe, network.devnet)
}

/** Checks a proof where there is no network and no data folder. */
async function verifyOffline({ devnet }: OpenNetwork, client: StoryClient, proof: string, result: string) {
  const folder = await mkdtemp(join(tmpdir(), 'teapot-proof-'))
  try {
    const file = join(folder, 'greeting.proof')
    await copyFile(proof, file)
    const args = [
      ...['proof', 'verify', file, '--explain', '--actor', 'greeter', '--operation', 'greet'],
      ...['--payload', ASKED, '--result', result],
    ]
    const hide = `mount -t tmpfs none '${devnet.paths.folder}' && exec "$0" "$@"`
    const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
    const wrapper = ['unshare', ...asRoot, '--net', '--mount', 'sh', '-c', hide]
    const { exitCode, stdout, stderr } = await client.run(args, { wrapper, cwd: folder })
    if (exitCode !== 0) throw new Error(`Expected the proof to hold offline, found: ${stdout}${stderr}`)
    return { where: 'in an empty network namespace, with the data folder hidden', tree: stdout.trimEnd() }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Calls the actor again and again, unsealed, until stopped. */
function callSteadily(url: string, signal: AbortSignal) {
  let [answered, failed, running] = [0, 0, true]
  const work = (async () => {
    while (running && !signal.aborted) {
      const status = await fetch(`${url}/v1/actors/greeter/greet`, { method: 'POST', body: ASKED, signal }).then(
        (answer) => answer.arrayBuffer().then(() => answer.status),
        () => 0,
      )
      if (status === 200) answered++
      // An actor on a busy machine may miss its deadline; a client asks again.
      else if (status !== DEADLINE_PASSED) failed++
    }
  })()
  return {
    async stop() {
      running = false
      await work
      return { answered, failed }
    },
  }
}
