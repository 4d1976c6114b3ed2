import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { MeasuredImage } from '@teapot-network/daemon/boot'
import { buildImage, PROVIDER_ENTRIES } from '@teapot-network/daemon/build-image'
import { EntryKind, encodePolicy } from '@teapot-network/trust'
import type { Devnet } from '../devnet.ts'
import { openTpmMaker, provisionTpm, readMakerRoot } from '../machine/index.ts'

/** What is built and made before anything runs. */
export interface Workshop {
  imageDir: string
  image: MeasuredImage
  maker: { folder: string }
  /** The programs of the publisher and of each machine, bundled: they start in a quarter of the time. */
  publisher: string
  machine: string
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

/** What the story's actors need; each is a process on every node. */
const PROVIDERS = ['keyvalue', 'logging'] as const
/** Clients rely on nobody once no epoch opened for so long: the Verifiers have died. */
const FRESH_SECONDS = 120

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
  const [publisher, machine] = [file('publisher.mjs'), file('machine.mjs')]
  const besides = {
    ...Object.fromEntries(providers.map((name) => [file(`${name}.mjs`), PROVIDER_ENTRIES[name]!.source])),
    [publisher]: 'devnet/src/story/publisher.ts',
    [machine]: 'devnet/src/machine/main.ts',
  }
  const [image] = await Promise.all([buildImage({ outDir: imageDir, besides }), ...tpms])
  const root = await readMakerRoot(maker)
  const policy = encodePolicy({
    v: 1,
    types: ['tpm-simulated'],
    ekRoots: [['tpm-simulated', root]],
    pcrs: [12, 13],
    freshSeconds: FRESH_SECONDS,
  })
  writeFileSync(file('appraisal.cbor'), policy)
  return {
    imageDir,
    image,
    maker,
    publisher,
    machine,
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
