import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { echoOfSize } from './host-modules.ts'
import { image, openHost, treePssMegabytes } from './host-open.ts'

/** Memory of a host with many small actors of one trust group, loaded, each called once, and idle. */
export interface MemoryFigures {
  readonly actors: number
  /** The daemon's process, the sandbox and the spare. Budget ≤ 1,000 for 1,000 actors. */
  readonly pssMegabytes: number
  readonly loadMs: number
}

/** Measures in a process of its own, so that nothing else is counted. Needs Linux. */
export async function measureMemory(actors = 1_000): Promise<MemoryFigures> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), `${actors}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await text(child.stdout)) as MemoryFigures
}

async function loadMany(actors: number): Promise<MemoryFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'teapot-memory-'))
  try {
    await using host = await openHost({ cacheDirectory: folder, limits: { idleMs: 600_000, lanes: 1 } })
    const startedAt = performance.now()
    for (let i = 0; i < actors; i++) {
      await host.load(image(`actor-${i}`, echoOfSize(5_000, i)))
      await host.call({ actor: `actor-${i}`, operation: 'echo', payload: Buffer.from(`caller ${i}`) })
    }
    const loadMs = performance.now() - startedAt
    await sleep(2_000)
    return { actors, pssMegabytes: treePssMegabytes(process.pid), loadMs: Math.round(loadMs) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) process.stdout.write(JSON.stringify(await loadMany(Number(process.argv[2]))))
