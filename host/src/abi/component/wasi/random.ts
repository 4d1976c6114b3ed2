import { GuestFault } from '../../guest-fault.ts'
import { type HostInterface, WASI_0_2 } from '../host-interface.ts'
import type { World } from '../world.ts'

/** The most that one call may ask for; no guest asks for more, and it is the host's memory that it would fill. */
const MOST_BYTES = 1n << 20n

function bytes(world: World, length: bigint): Uint8Array {
  if (length > MOST_BYTES)
    throw new GuestFault('trap', `Expected at most ${MOST_BYTES} random bytes to be asked for at once, found ${length}`)
  const random = new Uint8Array(Number(length))
  world.charge(random.length)
  world.surroundings.random(random)
  return random
}

const u64 = (world: World) => new DataView(bytes(world, 8n).buffer as ArrayBuffer).getBigUint64(0, true)

/** `wasi:random` 0.2. What may be insecure is as good as the rest. */
export const RANDOM_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:random/random': {
    versions: WASI_0_2,
    create: (world) => ({
      // get-random-bytes: func(len: u64) -> list<u8>
      getRandomBytes: (length: bigint) => bytes(world, length),
      // get-random-u64: func() -> u64
      getRandomU64: () => u64(world),
    }),
  },
  'wasi:random/insecure': {
    versions: WASI_0_2,
    create: (world) => ({
      // get-insecure-random-bytes: func(len: u64) -> list<u8>
      getInsecureRandomBytes: (length: bigint) => bytes(world, length),
      // get-insecure-random-u64: func() -> u64
      getInsecureRandomU64: () => u64(world),
    }),
  },
  'wasi:random/insecure-seed': {
    versions: WASI_0_2,
    create: (world) => ({
      // insecure-seed: func() -> tuple<u64, u64>
      insecureSeed: () => [u64(world), u64(world)],
      // get-insecure-seed: func() -> tuple<u64, u64>, its name in earlier drafts
      getInsecureSeed: () => [u64(world), u64(world)],
    }),
  },
}
