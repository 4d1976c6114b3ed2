import { splitVersion } from '../../transpiler/names.ts'
import { GuestFault } from '../guest-fault.ts'
import { type HostInterface, WASI_0_2 } from './host-interface.ts'
import { BLOBSTORE_INTERFACES } from './wasi/blobstore.ts'
import { CLI_INTERFACES } from './wasi/cli.ts'
import { CLOCK_INTERFACES } from './wasi/clocks.ts'
import { CONFIG_INTERFACES } from './wasi/config.ts'
import { FILESYSTEM_INTERFACES } from './wasi/filesystem.ts'
import { HTTP_INTERFACES } from './wasi/http.ts'
import { KEYVALUE_INTERFACES } from './wasi/keyvalue.ts'
import { LOGGING_INTERFACES } from './wasi/logging.ts'
import { Pollable, poll } from './wasi/pollable.ts'
import { RANDOM_INTERFACES } from './wasi/random.ts'
import { SOCKET_INTERFACES } from './wasi/sockets.ts'
import { InputStream, IoError, OutputStream } from './wasi/streams.ts'

/** Every interface that a component may import, by its name without version (spec/host.md §3.8). There is nothing else. */
export const INTERFACES: Readonly<Record<string, HostInterface>> = {
  // host/wit/actor.wit
  'teapot:actor/host': {
    versions: /^0\.1\.\d+$/,
    waits: ['invoke'],
    create: (world) => ({
      // invoke: func(binding: string, capability: string, operation: string, payload: list<u8>) -> result<list<u8>, string>
      invoke: (binding: string, capability: string, operation: string, payload: Uint8Array) =>
        world.invoke(binding, capability, operation, payload),
      // log: func(text: string)
      log(text: string): void {
        world.charge(text.length)
        world.surroundings.log(text)
      },
    }),
  },
  'wasi:io/error': { versions: WASI_0_2, create: () => ({ Error: IoError }) },
  'wasi:io/poll': {
    versions: WASI_0_2,
    waits: ['poll', '[method]pollable.block'],
    // poll: func(in: list<borrow<pollable>>) -> list<u32>
    create: (world) => ({ Pollable, poll: (pollables: Pollable[]) => poll(world, pollables) }),
  },
  'wasi:io/streams': { versions: WASI_0_2, create: () => ({ InputStream, OutputStream }) },
  ...BLOBSTORE_INTERFACES,
  ...CLI_INTERFACES,
  ...CLOCK_INTERFACES,
  ...CONFIG_INTERFACES,
  ...FILESYSTEM_INTERFACES,
  ...HTTP_INTERFACES,
  ...KEYVALUE_INTERFACES,
  ...LOGGING_INTERFACES,
  ...RANDOM_INTERFACES,
  ...SOCKET_INTERFACES,
}

/**
 * Finds what a component imports in the table of what there is.
 * @param imports with versions, such as `wasi:io/streams@0.2.6`
 * @returns interfaces by their names without version, as the generated code asks for them
 * @throws GuestFault `forbidden-import` for one that is not there, in a version that is not, or not an interface at all
 */
export function linkImports(imports: readonly string[]): Map<string, HostInterface> {
  const linked = new Map<string, HostInterface>()
  for (const imported of imports) {
    const { name, version } = splitVersion(imported)
    const offered = Object.hasOwn(INTERFACES, name) ? INTERFACES[name] : undefined
    if (!offered?.versions.test(version))
      throw new GuestFault(
        'forbidden-import',
        `Expected imports of ${offered === undefined ? 'interfaces that the host offers' : `versions of ${name} that the host offers`}, found ${imported}`,
      )
    linked.set(name, offered)
  }
  return linked
}

/** Functions of these interfaces that may wait, as the generator wants them named. */
export function waitingImports(linked: ReadonlyMap<string, HostInterface>): string[] {
  return [...linked].flatMap(([name, { waits = [] }]) => waits.map((wait) => `${name}#${wait}`))
}
