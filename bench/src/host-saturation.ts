import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildActor } from '@teapot-network/actors'
import { median } from './host-open.ts'
import { startWorkerd } from './host-workerd.ts'
import { fire, type ServerProcess, startServer } from './hot-path.ts'

/** HTTP calls at saturation, beside plain `node:http` and workerd with the same guest; medians over rounds. */
export interface SaturationFigures {
  /** Instances put back between calls, no receipts, over plain `node:http`. Budget ≥ 0.75. */
  readonly ofPlainNode: number
  /** The same over workerd, which does not put its instance back. Budget ≥ 1.5. Undefined where workerd cannot be had. */
  readonly ofWorkerd: number | undefined
  readonly callsPerSecond: { readonly plain: number; readonly host: number; readonly workerd: number | undefined }
}

const ECHO = fileURLToPath(new URL('../../actors/samples/echo', import.meta.url))

/** Interleaves rounds: the machine changes between them, so a ratio is taken within its round. */
export async function measureSaturation(
  options: { rounds?: number; measureMs?: number; connections?: number } = {},
): Promise<SaturationFigures> {
  const { rounds = 5, measureMs = 2_000, connections = 128 } = options
  const folder = await mkdtemp(join(tmpdir(), 'teapot-saturation-'))
  const servers: ServerProcess[] = []
  try {
    const module = join(folder, 'echo.wasm')
    await writeFile(module, (await buildActor(ECHO)).wasm)
    for (const role of ['plain', 'bare'] as const) servers.push(await startServer(role, join(folder, role), module))
    const workerd = await startWorkerd(join(folder, 'workerd'), module)
    if (workerd !== undefined) servers.push(workerd)
    const rates: number[][] = []
    for (let round = 0; round < rounds; round++) {
      const row: number[] = []
      for (const server of servers) row.push((await fire(server, { connections, measureMs })).callsPerSecond)
      rates.push(row)
    }
    return summarize(rates, workerd !== undefined)
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()))
    await rm(folder, { recursive: true, force: true })
  }
}

function summarize(rates: number[][], withWorkerd: boolean): SaturationFigures {
  const rate = (server: number): number => Math.round(median(rates.map((row) => row[server]!)))
  const ratio = (server: number): number => median(rates.map((row) => row[1]! / row[server]!))
  return {
    ofPlainNode: ratio(0),
    ofWorkerd: withWorkerd ? ratio(2) : undefined,
    callsPerSecond: { plain: rate(0), host: rate(1), workerd: withWorkerd ? rate(2) : undefined },
  }
}
