import { DEFAULT_LIMITS } from '../limits.ts'
import type { Surroundings } from './program.ts'

/** A world outside of any sandbox: its clocks stand still unless it sleeps, its random bytes are all 7, and it serves no capability. */
export function stillWorld(more: Partial<Omit<Surroundings, 'limits'>> = {}, limits: object = {}): Surroundings {
  let slept = 0n
  return {
    name: 'tester',
    grants: [],
    environment: {},
    log: () => {},
    invoke: () => Promise.reject(new Error('no capability here')),
    wallClock: () => 5_000_000_000n + slept,
    monotonicClock: () => 5_000_000_000n + slept,
    random: (into) => void into.fill(7),
    sleep: async (nanoseconds) => {
      slept += nanoseconds
    },
    ...more,
    limits: { ...DEFAULT_LIMITS, ...limits },
  }
}
