import { DEFAULT_LIMITS } from '../../../limits.ts'
import { FuelGauge } from '../../../wasm/fuel-gauge.ts'
import type { Surroundings } from '../../program.ts'
import type { Implementation } from '../host-interface.ts'
import { INTERFACES } from '../interfaces.ts'
import { Refusal } from '../refusal.ts'
import { World } from '../world.ts'

/** A world outside of any sandbox, whose clock stands still unless it sleeps. */
export function openWorld(more: Partial<Surroundings> = {}): World {
  let now = 5_000_000_000n
  const surroundings: Surroundings = {
    name: 'tester',
    grants: [],
    environment: {},
    log: () => {},
    invoke: () => Promise.reject(new Error('no capability here')),
    wallClock: () => now,
    monotonicClock: () => now,
    random: (into) => void into.fill(7),
    sleep: async (nanoseconds) => {
      now += nanoseconds
    },
    ...more,
    limits: { ...DEFAULT_LIMITS, ...more.limits },
  }
  return new World(surroundings, new FuelGauge([], surroundings.limits.fuel), () => {})
}

/** An interface of the table, with functions that a test can call. */
export function open(world: World, name: string): Record<string, (...values: unknown[]) => unknown> & Implementation {
  return INTERFACES[name]!.create(world) as Record<string, (...values: unknown[]) => unknown>
}

/** What a guest gets as the error of a result. */
export function refused(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    if (error instanceof Refusal) return error.payload
    throw error
  }
  throw new Error('Expected a refusal, found success')
}
