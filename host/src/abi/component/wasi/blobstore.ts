import type { Packable } from '../../../message-pack.ts'
import type { HostInterface } from '../host-interface.ts'
import { BlobContainer, StreamObjectNames } from './blobstore-container.ts'
import { IncomingValue, OutgoingValue } from './blobstore-values.ts'
import { providerFace } from './provider-face.ts'

const DRAFT = /^0\.2\.0-draft$/

/** record object-id { container: container-name, object: object-name } */
interface ObjectId {
  readonly container: string
  readonly object: string
}

/** `wasi:blobstore` 0.2.0-draft: capability `wasi:blobstore`. */
export const BLOBSTORE_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:blobstore/types': {
    versions: DRAFT,
    waits: ['[static]outgoing-value.finish'],
    create: (world) => ({
      IncomingValue,
      OutgoingValue: class extends OutgoingValue {
        // new-outgoing-value: static func() -> outgoing-value
        static newOutgoingValue(): OutgoingValue {
          world.charge()
          return new this(world)
        }
      },
    }),
  },
  'wasi:blobstore/container': {
    versions: DRAFT,
    waits: [
      ...[
        'info',
        'get-data',
        'list-objects',
        'delete-object',
        'delete-objects',
        'has-object',
        'object-info',
        'clear',
      ].map((method) => `[method]container.${method}`),
      '[method]container.write-data',
      '[method]stream-object-names.read-stream-object-names',
      '[method]stream-object-names.skip-stream-object-names',
    ],
    create: () => ({ Container: BlobContainer, StreamObjectNames }),
  },
  'wasi:blobstore/blobstore': {
    versions: DRAFT,
    waits: [
      ...['create-container', 'get-container', 'delete-container', 'container-exists'],
      ...['copy-object', 'move-object'],
    ],
    create(world) {
      const face = providerFace(world, 'wasi:blobstore', ({ text }) => text)
      const ask = (operation: string, ...args: Packable[]) => face(`blobstore.${operation}`, ...args)
      const idOf = ({ container, object }: ObjectId) => [container, object]
      return {
        // create-container: func(name: container-name) -> result<container, error>
        async createContainer(name: string): Promise<BlobContainer> {
          await ask('create-container', name)
          return new BlobContainer(world, name)
        },
        // get-container: func(name: container-name) -> result<container, error>
        async getContainer(name: string): Promise<BlobContainer> {
          await ask('get-container', name)
          return new BlobContainer(world, name)
        },
        // delete-container: func(name: container-name) -> result<_, error>
        async deleteContainer(name: string): Promise<void> {
          await ask('delete-container', name)
        },
        // container-exists: func(name: container-name) -> result<bool, error>
        async containerExists(name: string): Promise<boolean> {
          return (await ask('container-exists', name)) === true
        },
        // copy-object: func(src: object-id, dest: object-id) -> result<_, error>
        async copyObject(source: ObjectId, destination: ObjectId): Promise<void> {
          await ask('copy-object', idOf(source), idOf(destination))
        },
        // move-object: func(src: object-id, dest: object-id) -> result<_, error>
        async moveObject(source: ObjectId, destination: ObjectId): Promise<void> {
          await ask('move-object', idOf(source), idOf(destination))
        },
      }
    },
  },
}
