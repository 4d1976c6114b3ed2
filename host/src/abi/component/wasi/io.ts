import { type HostInterface, WASI_0_2 } from '../host-interface.ts'
import type { World } from '../world.ts'
import { Pollable, poll } from './pollable.ts'
import { InputStream, IoError, OutputStream } from './streams.ts'

/** `wasi:io` 0.2: errors, pollables and streams, as resources that the other interfaces make. */
export const IO_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:io/error': { versions: WASI_0_2, create: () => ({ Error: IoError }) },
  'wasi:io/poll': {
    versions: WASI_0_2,
    waits: ['poll', '[method]pollable.block'],
    // poll: func(in: list<borrow<pollable>>) -> list<u32>
    create: (world: World) => ({ Pollable, poll: (pollables: Pollable[]) => poll(world, pollables) }),
  },
  'wasi:io/streams': { versions: WASI_0_2, create: () => ({ InputStream, OutputStream }) },
}
