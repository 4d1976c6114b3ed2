import { FuelGauge } from '../../../wasm/fuel-gauge.ts'
import type { Surroundings } from '../../program.ts'
import { stillWorld } from '../../surroundings.fixture.ts'
import type { Implementation } from '../host-interface.ts'
import { INTERFACES } from '../interfaces.ts'
import { Refusal } from '../refusal.ts'
import { World } from '../world.ts'

/** A world of {@link stillWorld}. */
export function openWorld({ limits, ...more }: Partial<Surroundings> = {}): World {
  const surroundings = stillWorld(more, limits)
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
