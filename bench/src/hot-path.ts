import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { buildActor } from '@teapot-network/actors'
import { sealCall } from '@teapot-network/sdk'
import { utf8 } from '@teapot-network/trust'
import type { Load, LoadFigures } from './hot-path-load.ts'
import type { Ready, Role } from './hot-path-server.ts'

/** How long to measure. */
export interface HotPathOptions {
  rounds: number
  measureMs: number
  connections: number
  /** Told of every round as it ends. */
  onRound(round: Round): void
}

/** One round: every server under the same load, one after another. */
export interface Round {
  plain: LoadFigures
  bare: LoadFigures
  proven: LoadFigures
}

/** Medians over the rounds; a ratio is taken within its round, since the machine changes between them. */
export interface HotPathResult {
  /** Calls a second with durable receipts, over those of plain `node:http`. Budget 0.5. */
  ratio: number
  /** The same without receipts. Budget 0.75. */
  ratioNoReceipts: number
  sealedCallsPerSecond: number
  callsPerSecond: { plain: number; bare: number; proven: number }
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

/**
 * Calls a second through the daemon's server and the sandbox, with durable receipts and without, beside plain `node:http` that reads
 * the same bodies and answers the same bytes. All unsealed and over keep-alive; every body differs. Rounds are interleaved.
 */
export async function measureHotPath(options: HotPathOptions): Promise<HotPathResult> {
  const folder = await mkdtemp(join(tmpdir(), 'teapot-hot-path-'))
  const servers: BoxProcess[] = []
  try {
    const module = join(folder, 'echo.wasm')
    await writeFile(module, (await buildActor(here('../../actors/samples/echo'))).wasm)
    for (const role of ['plain', 'bare', 'proven'] as const) {
      servers.push(await startServer(role, join(folder, role), module))
    }
    const [plain, bare, proven] = servers as [BoxProcess, BoxProcess, BoxProcess]
    const rounds: Round[] = []
    for (let i = 0; i < options.rounds; i++) {
      const round = {
        plain: await fire(plain, options),
        bare: await fire(bare, options),
        proven: await fire(proven, options),
      }
      rounds.push(round)
      options.onRound(round)
    }
    const sealed = await fireSealed(proven, options)
    return { ...summarize(rounds), sealedCallsPerSecond: Math.round(sealed.callsPerSecond) }
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()))
    await rm(folder, { recursive: true, force: true })
  }
}

function summarize(rounds: readonly Round[]): Omit<HotPathResult, 'sealedCallsPerSecond'> {
  const rate = (role: Role): number => Math.round(median(rounds.map((round) => round[role].callsPerSecond)))
  const ratio = (role: Role): number =>
    Number(median(rounds.map((round) => round[role].callsPerSecond / round.plain.callsPerSecond)).toFixed(3))
  return {
    ratio: ratio('proven'),
    ratioNoReceipts: ratio('bare'),
    callsPerSecond: { plain: rate('plain'), bare: rate('bare'), proven: rate('proven') },
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}

/** A server under load. */
export interface ServerProcess {
  ready: Pick<Ready, 'port' | 'actor' | 'operation'>
  stop(): Promise<void>
}

interface BoxProcess extends ServerProcess {
  ready: Ready
}

/** Starts a server with an actor in a process of its own. */
export async function startServer(role: Role, folder: string, module: string): Promise<BoxProcess> {
  const child = run('hot-path-server.ts', [role, folder, module])
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  try {
    return { ready: JSON.parse(await firstLine(child)) as Ready, stop }
  } catch (failure) {
    await stop()
    throw failure
  }
}

/** Calls the actor over HTTP, each time with another body. @throws Error when a call fails */
export async function fire(
  { ready }: ServerProcess,
  options: Pick<HotPathOptions, 'connections' | 'measureMs'>,
): Promise<LoadFigures> {
  const { port, actor, operation } = ready
  return load({ port, path: `/v1/actors/${actor}/${operation}`, ...shapeOf(options) })
}

/** Sealed requests are made beforehand: it is the server that is measured. */
async function fireSealed({ ready }: BoxProcess, options: HotPathOptions): Promise<LoadFigures> {
  const { actor, operation, seal } = ready
  const bodies: string[] = []
  for (let i = 0; i < 2_000; i++) {
    const payload = utf8(`request ${i}`)
    const { body } = await sealCall(seal, { actor, operation, payload, mode: 'inline' })
    bodies.push(Buffer.from(body).toString('base64'))
  }
  return load({ port: ready.port, path: '/v1/calls', bodies, ...shapeOf(options) })
}

function shapeOf({
  connections,
  measureMs,
}: Pick<HotPathOptions, 'connections' | 'measureMs'>): Pick<Load, 'connections' | 'warmMs' | 'measureMs'> {
  return { connections, warmMs: 500, measureMs }
}

async function load(shape: Load): Promise<LoadFigures> {
  const child = run('hot-path-load.ts', [])
  child.stdin!.end(JSON.stringify(shape))
  const figures = JSON.parse(await firstLine(child)) as LoadFigures
  if (figures.failures > 0) throw new Error(`${figures.failures} of ${figures.calls} calls to ${shape.path} failed`)
  return figures
}

function run(file: string, args: string[]): ChildProcess {
  return spawn(process.execPath, [here(file), ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return line
  throw new Error(`The process ${child.spawnargs.slice(1, 3).join(' ')} ended before it said anything`)
}
