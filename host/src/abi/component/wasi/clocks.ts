import { type HostInterface, WASI_0_2 } from '../host-interface.ts'
import { Pollable } from './pollable.ts'

const SECOND = 1_000_000_000n

/** record datetime { seconds: u64, nanoseconds: u32 } */
export interface Datetime {
  readonly seconds: bigint
  readonly nanoseconds: number
}

/** Nanoseconds since 1970 as WASI tells them. */
export function toDatetime(nanoseconds: bigint): Datetime {
  return { seconds: nanoseconds / SECOND, nanoseconds: Number(nanoseconds % SECOND) }
}

/** Nanoseconds since 1970, cut to what 64 bits hold. */
export function fromDatetime({ seconds, nanoseconds }: Datetime): bigint {
  return BigInt.asUintN(64, seconds * SECOND + BigInt(nanoseconds))
}

/** `wasi:clocks` 0.2. */
export const CLOCK_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:clocks/monotonic-clock': {
    versions: WASI_0_2,
    create(world) {
      const now = () => world.surroundings.monotonicClock()
      return {
        // now: func() -> instant
        now(): bigint {
          world.charge()
          return now()
        },
        // resolution: func() -> duration
        resolution(): bigint {
          world.charge()
          return 1n
        },
        // subscribe-instant: func(when: instant) -> pollable
        subscribeInstant(when: bigint): Pollable {
          world.charge()
          return new Pollable(world, when)
        },
        // subscribe-duration: func(when: duration) -> pollable
        subscribeDuration(duration: bigint): Pollable {
          world.charge()
          return new Pollable(world, now() + duration)
        },
      }
    },
  },
  'wasi:clocks/wall-clock': {
    versions: WASI_0_2,
    create: (world) => ({
      // now: func() -> datetime
      now(): Datetime {
        world.charge()
        return toDatetime(world.surroundings.wallClock())
      },
      // resolution: func() -> datetime
      resolution(): Datetime {
        world.charge()
        return toDatetime(1_000_000n)
      },
    }),
  },
  'wasi:clocks/timezone': {
    versions: WASI_0_2,
    create: (world) => ({
      // display: func(when: datetime) -> timezone-display
      display() {
        world.charge()
        return { utcOffset: 0, name: 'UTC', inDaylightSavingTime: false }
      },
      // utc-offset: func(when: datetime) -> s32
      utcOffset(): number {
        world.charge()
        return 0
      },
    }),
  },
}
