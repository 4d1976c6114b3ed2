import { ACTOR_INTERFACES } from './actor-host.ts'
import type { HostInterface } from './host-interface.ts'
import { BLOBSTORE_INTERFACES } from './wasi/blobstore.ts'
import { CLI_INTERFACES } from './wasi/cli.ts'
import { CLOCK_INTERFACES } from './wasi/clocks.ts'
import { CONFIG_INTERFACES } from './wasi/config.ts'
import { FILESYSTEM_INTERFACES } from './wasi/filesystem.ts'
import { HTTP_INTERFACES } from './wasi/http.ts'
import { IO_INTERFACES } from './wasi/io.ts'
import { KEYVALUE_INTERFACES } from './wasi/keyvalue.ts'
import { LOGGING_INTERFACES } from './wasi/logging.ts'
import { RANDOM_INTERFACES } from './wasi/random.ts'
import { SOCKET_INTERFACES } from './wasi/sockets.ts'

/** Every interface that a component may import, by its name without version (spec/host.md §3.8). There is nothing else. */
export const INTERFACES: Readonly<Record<string, HostInterface>> = {
  ...ACTOR_INTERFACES,
  ...BLOBSTORE_INTERFACES,
  ...CLI_INTERFACES,
  ...CLOCK_INTERFACES,
  ...CONFIG_INTERFACES,
  ...FILESYSTEM_INTERFACES,
  ...HTTP_INTERFACES,
  ...IO_INTERFACES,
  ...KEYVALUE_INTERFACES,
  ...LOGGING_INTERFACES,
  ...RANDOM_INTERFACES,
  ...SOCKET_INTERFACES,
}
