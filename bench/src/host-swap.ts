import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '@teapot-network/host'
import { echoOfSize } from './host-modules.ts'
import { image, openHost, quantile } from './host-open.ts'

/** Hot swaps under the load of 32 callers. */
export interface SwapFigures {
  /** Budget 0. */
  readonly failures: number
  readonly calls: number
  /** Of calls while nothing is swapped, and while the actor is swapped ten times. Budget: at most twice. */
  readonly quietP99Ms: number
  readonly swapP99Ms: number
  readonly p99Ratio: number
}

const CALLERS = 32
const SWAPS = 10
const BETWEEN_MS = 200
const MODULE_BYTES = 20_000

/** Measures both phases on one host, each as long as the other. */
export async function measureSwaps(): Promise<SwapFigures> {
  await using host = await openHost()
  const load = (version: number) =>
    host.load(image('swapped', echoOfSize(MODULE_BYTES, version), { version, digest: `${version}` }))
  await load(1)
  await underLoad(host, () => sleep(500))
  const quiet = await underLoad(host, () => sleep(SWAPS * BETWEEN_MS))
  const swapped = await underLoad(host, async () => {
    for (let version = 2; version < 2 + SWAPS; version++) {
      await load(version)
      await sleep(BETWEEN_MS)
    }
  })
  const quietP99Ms = quantile(quiet.latenciesMs, 0.99)
  const swapP99Ms = quantile(swapped.latenciesMs, 0.99)
  return {
    failures: quiet.failures + swapped.failures,
    calls: swapped.latenciesMs.length,
    ...{ quietP99Ms, swapP99Ms, p99Ratio: swapP99Ms / quietP99Ms },
  }
}

async function underLoad(host: Host, during: () => Promise<void>) {
  const latenciesMs: number[] = []
  let failures = 0
  let running = true
  let sent = 0
  const callers = Array.from({ length: CALLERS }, async () => {
    while (running) {
      const startedAt = performance.now()
      const payload = Buffer.from(`hello ${sent++}`)
      await host.call({ actor: 'swapped', operation: 'echo', payload }).catch(() => failures++)
      latenciesMs.push(performance.now() - startedAt)
      // As calls over a network would: others get their turn.
      await new Promise(setImmediate)
    }
  })
  await during()
  running = false
  await Promise.all(callers)
  return { latenciesMs, failures }
}
