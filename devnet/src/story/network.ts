import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type MeasuredImage, referenceValue } from '@teapot-network/daemon/boot'
import { buildImage, buildModule, PROVIDER_ENTRIES } from '@teapot-network/daemon/build-image'
import {
  createLedger,
  createTransactionQueue,
  type Deployment,
  deployContracts,
  type Ledger,
  type TransactionQueue,
} from '@teapot-network/ledger'
import { fundAccounts } from '@teapot-network/ledger/anvil'
import { rawCid } from '@teapot-network/sdk'
import {
  type Address,
  digestOf,
  EntryKind,
  encodeGrants,
  encodePolicy,
  type Hex,
  type LedgerFacts,
  type NodeStatus as Standing,
  toHex,
  utf8,
} from '@teapot-network/trust'
import { privateKeyToAddress } from 'viem/accounts'
import { type Chain, startChain } from '../chain.ts'
import type { Devnet } from '../devnet.ts'
import { openTpmMaker, provisionTpm, readMakerRoot } from '../machine/index.ts'
import type { Box } from './machines.ts'
import { until } from './wait.ts'

/** The ledger's side of the story: the chain, the contracts, and the development key that stands in for the committee. */
export interface Network {
  readonly devnet: Devnet
  readonly chain: Chain
  readonly deployment: Deployment
  readonly ledger: Ledger
  readonly committee: TransactionQueue
  readonly boxes: Box[]
}

/** What is built and made before anything runs. */
export interface Workshop {
  imageDir: string
  image: MeasuredImage
  maker: { folder: string }
  /** The publisher's program, bundled: it starts in a quarter of the time. */
  publisher: string
  /** A sample actor's compiled file, once it is there. The first asked for is compiled alone, the others when one of them is wanted. */
  actor(name: SampleActor): Promise<string>
  /** Files that the committee puts on the ledger: the appraisal policy, the voting rule and the providers. */
  releases: { name: string; kind: number; version: number; grants: readonly string[]; file: string }[]
}

const SAMPLES = ['greeter', 'greeter-v2', 'echo', 'word-count', 'dice', 'party'] as const
/** The system actor that says what to vote on what a Verifier found, as compiled; a test holds it to its source. */
const RULE = fileURLToPath(new URL('../../../actors/system/vote/vote.wasm', import.meta.url))
/** The actors that the story needs. */
export type SampleActor = (typeof SAMPLES)[number]

const MIN_EPOCH_SECONDS = 2
/** Clients rely on nobody once no epoch opened for so long: the Verifiers have died. */
const FRESH_SECONDS = 120
/** The first Verifiers, until enough nodes are Active. */
const GENESIS_SIZE = 3
const VERSION = '0.1.0'

/** What the story's actors need; each is a process on every node. */
const PROVIDERS = ['keyvalue', 'logging'] as const

/** What the committee releases on the first day, and the file in the workshop's folder that each will be in. */
function releasesIn(folder: string, names: readonly string[]): Workshop['releases'] {
  const providers = names.map((name) => {
    const { grants } = PROVIDER_ENTRIES[name]!
    return { name, grants, version: 1, kind: EntryKind.provider, file: join(folder, `${name}.mjs`) }
  })
  const policy = { name: 'appraisal', kind: EntryKind.policy, file: join(folder, 'appraisal.cbor') }
  const rule = { name: 'vote', kind: EntryKind.actor, file: RULE }
  return [...[policy, rule].map((release) => ({ ...release, version: 1, grants: [] })), ...providers]
}

/** Builds the runtime image and the providers, makes the TPMs with their maker's certificates, and writes the policy that takes that maker. */
export async function openWorkshop(
  { paths, state, signal }: Devnet,
  providers: readonly string[] = PROVIDERS,
): Promise<Workshop> {
  const build = join(paths.folder, 'build')
  const imageDir = join(build, 'image')
  const file = (name: string) => join(build, name)
  await mkdir(build, { recursive: true })
  const maker = await openTpmMaker(paths.ca)
  const tpms = state.machines.map(({ name }) => provisionTpm(maker, join(paths.machine(name), 'tpm'), signal))
  const [image] = await Promise.all([
    buildImage({ outDir: imageDir }),
    ...providers.map((name) => buildModule({ source: PROVIDER_ENTRIES[name]!.source, outFile: file(`${name}.mjs`) })),
    buildModule({ source: 'devnet/src/story/publisher.ts', outFile: file('publisher.mjs') }),
    ...tpms,
  ])
  const root = await readMakerRoot(maker)
  const policy = encodePolicy({
    v: 1,
    types: ['tpm-simulated'],
    ekRoots: [['tpm-simulated', root]],
    pcrs: [12, 13],
    freshSeconds: FRESH_SECONDS,
  })
  writeFileSync(file('appraisal.cbor'), policy)
  const publisher = file('publisher.mjs')
  return {
    imageDir,
    image,
    maker,
    publisher,
    releases: releasesIn(build, providers),
    actor: compiler(build, signal),
  }
}

/** Compiles behind what else goes on, and no more than is wanted: the machine has other things to do at the start. */
function compiler(folder: string, signal: AbortSignal): Workshop['actor'] {
  const files = new Map<SampleActor, Promise<string>>()
  return (name) => {
    const wanted = files.size === 0 ? [name] : SAMPLES.filter((other) => !files.has(other))
    if (!files.has(name)) for (const [each, file] of compileActors(folder, wanted, signal)) files.set(each, file)
    return files.get(name)!
  }
}

function compileActors(folder: string, names: SampleActor[], signal: AbortSignal): [SampleActor, Promise<string>][] {
  const compiler = fileURLToPath(new URL('compile-actors.ts', import.meta.url))
  const child = spawn(process.execPath, [compiler, folder, ...names], { signal, stdio: ['ignore', 'pipe', 'pipe'] })
  const compiled = new Map(names.map((name) => [name, Promise.withResolvers<string>()]))
  for (const { promise } of compiled.values()) promise.catch(() => {})
  createInterface({ input: child.stdout }).on('line', (name) => {
    compiled.get(name as SampleActor)?.resolve(join(folder, `${name}.wasm`))
  })
  const said = text(child.stderr)
  const fail = async (how: string) => {
    const error = new Error(`Cannot compile the sample actors: ${how}\n${await said}`)
    for (const { reject } of compiled.values()) reject(error)
  }
  child.once('error', (error) => void fail(error.message))
  child.once('close', (code) => void fail(`exit code ${code}`))
  return names.map((name) => [name, compiled.get(name)!.promise])
}

/** Starts the chain, and deploys the contracts where they do not stand yet. */
export async function openLedger(devnet: Devnet): Promise<Network> {
  const { paths, supervisor, state, signal } = devnet
  const chain = await startChain({ supervisor, folder: paths.chain, port: state.chain.port, signal })
  state.chain.port = chain.port
  const rpcUrls = [chain.url]
  const { keys } = state
  const operators = state.machines.map(({ operatorKey }) => addressOf(operatorKey))
  await fundAccounts(chain.url, [...operators, ...[keys.committee, keys.developer].map(addressOf)], { signal })
  state.deployment ??= await deployContracts({
    rpcUrl: chain.url,
    committeeKey: keys.committee,
    genesis: operators.slice(0, GENESIS_SIZE),
    minEpochSeconds: MIN_EPOCH_SECONDS,
    signal,
  })
  const { deployment } = state
  devnet.saveState()
  const network = { rpcUrls, deployment, keys: { developer: keys.developer } }
  writeFileSync(paths.network, `${JSON.stringify(network, null, 2)}\n`, { mode: 0o600 })
  const queueFile = join(paths.chain, 'committee.sqlite')
  return {
    devnet,
    chain,
    deployment,
    ledger: createLedger({ rpcUrls, deployment, signal }),
    committee: createTransactionQueue({ rpcUrls, deployment, privateKey: keys.committee, queueFile }),
    boxes: [],
  }
}

/** The committee's releases of the first day: the reference value of R, the policy, the providers. What stands there already is left alone. */
export async function releaseFirst({ ledger, committee, devnet }: Network, workshop: Workshop): Promise<void> {
  const { signal } = devnet
  const facts = await ledger.readFacts({ signal })
  const r = referenceValue(workshop.image)
  const unknown = workshop.releases.filter(({ file }) => {
    const sha256 = digestOf(readFileSync(file))
    return !facts.entries.some((entry) => entry.sha256 === sha256 && entry.status === 'current')
  })
  const addReference = async () => {
    if (facts.referenceValues.some((value) => value.r === r)) return
    const args = [r, VERSION, `${process.platform}-${process.arch}`] as const
    await committee.send({ contract: 'referenceValues', functionName: 'add', args }, { signal })
  }
  const releases = unknown.map(async ({ name, kind, grants, file, version }) => {
    const before = facts.entries.filter((entry) => entry.name === name)
    const next = Math.max(version, ...before.map((entry) => entry.version + 1))
    const sha256 = digestOf(readFileSync(file))
    const encoded: Hex = grants.length > 0 ? toHex(encodeGrants(grants)) : '0x'
    const args = [name, kind, BigInt(next), sha256, rawCid(sha256), encoded] as const
    await committee.send({ contract: 'codeRegistry', functionName: 'publish', args }, { signal })
    await approve(committee, name, next, signal)
  })
  await Promise.all([addReference(), ...releases])
}

/** One development key stands in for the committee: makes a published release the current one. */
export async function approve(
  committee: TransactionQueue,
  name: string,
  version: number,
  signal: AbortSignal,
): Promise<void> {
  const args = [digestOf(utf8(name)), BigInt(version)] as const
  await committee.send({ contract: 'codeRegistry', functionName: 'approve', args }, { signal })
}

/** Waits until the ledger gives a box one of these standings. */
export async function untilStanding(
  { ledger, devnet: { signal } }: Network,
  box: Box,
  standings: readonly Standing[],
  timeoutMs = 60_000,
): Promise<LedgerFacts> {
  const what = `${box.name} to be ${standings.join(' or ')}`
  return until(
    what,
    async () => {
      const facts = await ledger.readFacts({ signal })
      const standing = box.record(facts)?.status
      if (standing !== undefined && standings.includes(standing)) return facts
      throw new Error(`it is ${standing ?? 'not registered'} in epoch ${facts.epoch.number}`)
    },
    { signal, timeoutMs },
  )
}

export function addressOf(key: Hex): Address {
  return privateKeyToAddress(key).toLowerCase() as Address
}
