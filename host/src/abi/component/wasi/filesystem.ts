import { ScratchTree } from '../../wasi/scratch-tree.ts'
import { type HostInterface, WASI_0_2 } from '../host-interface.ts'
import type { World } from '../world.ts'
import { Descriptor } from './descriptor.ts'
import { DirectoryEntryStream, errorCodeOf } from './file-types.ts'
import type { IoError } from './streams.ts'

/** Who may have a scratch directory. */
const GRANT = 'wasi:filesystem'

/**
 * `wasi:filesystem` 0.2: with the grant of that name one scratch directory in memory, empty at the start and gone with the call; without it
 * none, and so no file at all.
 */
export const FILESYSTEM_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:filesystem/types': {
    versions: WASI_0_2,
    create: (world) => ({
      Descriptor,
      DirectoryEntryStream,
      // filesystem-error-code: func(err: borrow<error>) -> option<error-code>
      filesystemErrorCode(error: IoError): string | undefined {
        world.charge()
        return errorCodeOf(error)
      },
    }),
  },
  'wasi:filesystem/preopens': {
    versions: WASI_0_2,
    create(world) {
      const tree = scratchTree(world)
      return {
        // get-directories: func() -> list<tuple<descriptor, string>>
        getDirectories(): [Descriptor, string][] {
          world.charge()
          return tree === undefined ? [] : [[new Descriptor(world, tree, tree.root, ROOT), '/']]
        },
      }
    },
  },
}

/** What may be done with the scratch directory itself. */
const ROOT = { read: true, write: false, mutateDirectory: true }

function scratchTree(world: World): ScratchTree | undefined {
  const { grants, limits } = world.surroundings
  if (!grants.includes(GRANT)) return undefined
  return new ScratchTree(
    limits.scratchBytes,
    () => world.surroundings.wallClock(),
    (bytes) => world.charge(bytes),
  )
}
