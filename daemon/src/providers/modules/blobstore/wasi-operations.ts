import type { Operation, Operations } from '../../provider.ts'
import { type Request, wasi } from '../request.ts'
import type { Blobs } from './blobs.ts'

const MOST_LISTED = 4_096

/**
 * wasi:blobstore@0.2.0-draft; methods take the container's name first. Containers are made and deleted by `blobstore.create-container`
 * and so on, or by `container.create` and so on.
 */
export function wasiBlobstore(blobs: Blobs): Operations {
  const create = wasi(['container'], (request, call) => void blobs.createContainer(call, request.text('container')))
  const exists = wasi(['container'], (request, call) => blobs.hasContainer(call, request.text('container')))
  const remove = wasi(['container'], (request, call) => blobs.deleteContainer(call, request.text('container')))
  const get = wasi(['container'], (request, call) => void blobs.container(call, request.text('container')))
  return {
    ...{ 'container.create': create, 'container.exists': exists, 'container.delete': remove, 'container.get': get },
    ...{ 'blobstore.create-container': create, 'blobstore.container-exists': exists },
    ...{ 'blobstore.delete-container': remove, 'blobstore.get-container': get },
    ...ofContainers(blobs),
    ...ofObjects(blobs),
  }
}

function ofContainers(blobs: Blobs): Operations {
  return {
    'container.info': wasi(['container'], (request, call) => {
      const { name, created } = blobs.container(call, request.text('container'))
      return { name, createdAt: created }
    }),
    'container.list-objects': wasi(['container', 'from'], (request, call) => {
      const from = request.optionalNatural('from') ?? 0
      return blobs.list(call, request.text('container'), from, MOST_LISTED).map(({ name }) => name)
    }),
    'container.clear': wasi(['container'], (request, call) => blobs.clear(call, request.text('container'))),
    'blobstore.copy-object': fromTo((owner, from, to) => blobs.copy(owner, from, to)),
    'blobstore.move-object': fromTo((owner, from, to) => blobs.move(owner, from, to)),
  }
}

function ofObjects(blobs: Blobs): Operations {
  return {
    'container.has-object': wasi(['container', 'name'], (request, call) => {
      return blobs.find(call, request.text('container'), request.text('name')) !== undefined
    }),
    'container.object-info': wasi(['container', 'name'], (request, call) => {
      const container = request.text('container')
      const { name, size, created } = blobs.object(call, container, request.text('name'))
      return { name, container, createdAt: created, size }
    }),
    'container.delete-object': wasi(['container', 'name'], (request, call) => {
      blobs.deleteObjects(call, request.text('container'), [request.text('name')])
    }),
    'container.delete-objects': wasi(['container', 'names'], (request, call) => {
      blobs.deleteObjects(call, request.text('container'), request.texts('names'))
    }),
    // Both ends are inclusive.
    'container.get-data': wasi(['container', 'name', 'start', 'end'], (request, call) => {
      const object = blobs.object(call, request.text('container'), request.text('name'))
      const end = request.big('end') >= BigInt(object.size) ? object.size : request.natural('end') + 1
      return blobs.read(object, Math.min(request.natural('start'), end), end)
    }),
    // An object that does not fit into one call comes in chunks: their number from 0, and the bytes of all in each.
    'container.write-data': wasi(['container', 'name', 'data', 'chunk', 'totalBytes'], async (request, call) => {
      const [container, name, data] = [request.text('container'), request.text('name'), request.bytes('data')]
      const chunk = request.optionalNatural('chunk') ?? 0
      const size = request.optionalNatural('totalBytes') ?? data.length
      const upload = chunk === 0 ? blobs.begin(call, container, name, size) : blobs.upload(call, container, name)
      await blobs.put(call, container, upload, chunk, data)
    }),
  }
}

type Place = readonly [container: string, object: string]

/** Arguments are two object-ids, each a record or a tuple of container and object. */
function fromTo(
  run: (owner: { actor: string; binding: string }, from: Place, to: Place) => Promise<void> | void,
): Operation {
  const place = (request: Request, name: string): Place => {
    const inner = request.inner(name, ['container', 'object'])
    return [inner.text('container'), inner.text('object')]
  }
  return wasi(['src', 'dest'], (request, call) => run(call, place(request, 'src'), place(request, 'dest')))
}
