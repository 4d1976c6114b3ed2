import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildActor } from '@teapot-network/actors'
import type { Host } from '@teapot-network/host'
import { echoOfSize, variantOf } from './host-modules.ts'
import { image, median, openHost } from './host-open.ts'

/** From bytes in a file to the first answer; medians over rounds. The publisher has no sandbox yet, unless it says so. */
export interface ColdStartFigures {
  /** A core module of 20 KB. Budget ≤ 25. */
  readonly smallMs: number
  /** A core module of 2 MB. Budget ≤ 250. */
  readonly largeMs: number
  /** The same from the cache. */
  readonly largeCachedMs: number
  /** A component that nobody transpiled yet. Budget ≤ 400. */
  readonly componentMs: number
  /** A component in the cache. */
  readonly componentCachedMs: number
  /** The same when the publisher's sandbox runs another component already. Budget ≤ 60. */
  readonly componentWarmMs: number
}

/** So long the next spare has to start, as it would between two new publishers. */
const SPARE_MS = 700
const CACHE = fileURLToPath(new URL('../../.cache/bench', import.meta.url))

/** Measures cold starts. */
export async function measureColdStart(rounds = 7): Promise<ColdStartFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'teapot-cold-start-'))
  try {
    await writeFile(join(folder, 'index.ts'), 'export const greet = (payload: Uint8Array) => payload\n')
    const component = (await buildActor(folder, { cacheDirectory: CACHE })).wasm
    const starts = new ColdStarts(folder)
    const figures = {
      smallMs: await starts.measure(rounds, 'echo', (round) => echoOfSize(20_000, round)),
      largeMs: await starts.measure(rounds, 'echo', (round) => echoOfSize(2_000_000, round)),
      largeCachedMs: await starts.measureCached(rounds, 'echo', (round) => echoOfSize(2_000_000, round)),
      componentMs: await starts.measure(rounds, 'greet', (round) => variantOf(component, round)),
      componentCachedMs: await starts.measureCached(rounds, 'greet', (round) => variantOf(component, round)),
      componentWarmMs: await starts.measureCached(rounds, 'greet', (round) => variantOf(component, round), 'one'),
    }
    return figures
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class ColdStarts {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** With a cache that knows nothing. */
  async measure(rounds: number, operation: string, moduleOf: (round: number) => Uint8Array): Promise<number> {
    await using host = await openHost({ cacheDirectory: join(this.#folder, 'empty') })
    return await this.#run(host, rounds, operation, moduleOf)
  }

  /** With a cache that knows each of the modules. */
  async measureCached(
    rounds: number,
    operation: string,
    moduleOf: (round: number) => Uint8Array,
    publisher?: string,
  ): Promise<number> {
    const cache = { cacheDirectory: join(this.#folder, `full-${operation}`), cacheKey: Buffer.alloc(32, 1) }
    {
      await using before = await openHost(cache)
      for (let round = 0; round <= rounds; round++)
        await before.load(image(`actor-${round}`, moduleOf(round), { publisher: publisher ?? `publisher-${round}` }))
    }
    await using host = await openHost(cache)
    return await this.#run(host, rounds, operation, moduleOf, publisher)
  }

  async #run(
    host: Host,
    rounds: number,
    operation: string,
    moduleOf: (round: number) => Uint8Array,
    publisher?: string,
  ): Promise<number> {
    const times: number[] = []
    for (let round = 0; round <= rounds; round++) {
      const path = join(this.#folder, 'module.wasm')
      await writeFile(path, moduleOf(round))
      await sleep(SPARE_MS)
      const name = `actor-${round}`
      const startedAt = performance.now()
      await host.load(image(name, await readFile(path), { publisher: publisher ?? `publisher-${round}` }))
      await host.call({ actor: name, operation, payload: Buffer.from(`caller ${round}`) })
      times.push(performance.now() - startedAt)
    }
    // The first warms up what a node has warm: its own code.
    return median(times.slice(1))
  }
}
