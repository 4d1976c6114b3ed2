import { encodeMessagePack } from '@teapot-network/host/message-pack'
import {
  type DaemonServices,
  type Operation,
  type Operations,
  type ProviderCall,
  ProviderRefusal,
} from '../../provider.ts'
import { Request, wascc } from '../request.ts'
import type { ObjectRow } from './blob-index.ts'
import { type Blobs, PIECE_BYTES } from './blobs.ts'

const NOTHING = new Uint8Array(0)
const MAX_CHUNKS = 1 << 16
/** Downloads of one actor that run at a time. */
const MAX_DOWNLOADS = 4
const MOST_LISTED = 4_096

const BLOB = ['id', 'container', 'byteSize']
const CHUNK = ['sequenceNo', 'container', 'id', 'totalBytes', 'chunkSize', 'chunkBytes']
const STREAM = ['id', 'container', 'chunkSize', 'context']

/** `wascc:blobstore`: uploads by chunks, downloads as calls of the actor with the operation ReceiveChunk. */
export function wasccBlobstore(blobs: Blobs, daemon: DaemonServices): Operations {
  const downloads = new Map<string, number>()
  return {
    CreateContainer: wascc(['id'], (request, call) => ({ id: blobs.createContainer(call, request.text('id')).name })),
    RemoveContainer: silent(['id'], (request, call) => blobs.deleteContainer(call, request.text('id'))),
    RemoveObject: silent(BLOB, (request, call) =>
      blobs.deleteObjects(call, request.text('container'), [request.text('id')]),
    ),
    ListObjects: wascc(['id'], (request, call) => {
      const container = request.text('id')
      const inOrder = (row: ObjectRow) =>
        request.positional ? Object.values(blobOf(row, container)) : blobOf(row, container)
      return { blobs: blobs.list(call, container, 0, MOST_LISTED).map(inOrder) }
    }),
    GetObjectInfo: wascc(BLOB, (request, call) => {
      const container = request.text('container')
      const found = blobs.find(call, container, request.text('id'))
      // What actors understand as: there is none.
      return found === undefined ? { id: '', container: '', byteSize: 0 } : blobOf(found, container)
    }),
    StartUpload: silent(CHUNK, async (request, call) => {
      const [container, id, size] = [request.text('container'), request.text('id'), request.natural('totalBytes')]
      const upload = blobs.begin(call, container, id, size)
      const first = request.optionalBytes('chunkBytes') ?? NOTHING
      await blobs.put(call, container, upload, request.natural('sequenceNo'), first)
    }),
    UploadChunk: silent(CHUNK, async (request, call) => {
      const container = request.text('container')
      const upload = blobs.upload(call, container, request.text('id'))
      await blobs.put(call, container, upload, request.natural('sequenceNo'), request.bytes('chunkBytes'))
    }),
    StartDownload: silent(STREAM, (request, call) => {
      const container = request.text('container')
      const object = blobs.object(call, container, request.text('id'))
      const chunkSize = Math.min(request.natural('chunkSize'), PIECE_BYTES)
      if (chunkSize === 0 || object.size / chunkSize > MAX_CHUNKS)
        throw new ProviderRefusal(
          'provider/malformed-payload',
          `Expected a chunkSize of 1 to ${PIECE_BYTES} and at most ${MAX_CHUNKS} chunks`,
        )
      const context = request.optionalText('context')
      const running = downloads.get(call.actor) ?? 0
      if (running >= MAX_DOWNLOADS)
        throw new ProviderRefusal(
          'provider/overloaded',
          `Expected at most ${MAX_DOWNLOADS} downloads at a time, found more`,
          {
            kind: 'unavailable',
          },
        )
      downloads.set(call.actor, running + 1)
      const told = { container, chunkSize, ...(context === undefined ? {} : { context }) }
      void download(blobs, daemon, call, object, told).finally(() => {
        const left = downloads.get(call.actor)! - 1
        if (left === 0) downloads.delete(call.actor)
        else downloads.set(call.actor, left)
      })
    }),
  }
}

/** Chunk after chunk; ends where the actor or the store fails. */
async function download(
  blobs: Blobs,
  daemon: DaemonServices,
  { actor }: ProviderCall,
  object: ObjectRow,
  told: { container: string; chunkSize: number; context?: string },
): Promise<void> {
  const { container, chunkSize, ...rest } = told
  try {
    for (let at = 0, sequenceNo = 1; at < object.size; at += chunkSize, sequenceNo++) {
      const chunkBytes = await blobs.read(object, at, at + chunkSize)
      const chunk = { sequenceNo, container, id: object.name, totalBytes: object.size, chunkSize, chunkBytes, ...rest }
      await daemon.callActor(actor, 'ReceiveChunk', encodeMessagePack(chunk))
    }
  } catch {
    // Nobody waits for it: the actor sees that no further chunk comes.
  }
}

/** An operation that is answered with nothing. */
function silent(
  fields: readonly string[],
  run: (request: Request, call: ProviderCall) => Promise<void> | void,
): Operation {
  return async (call) => {
    await run(Request.parse(call.payload, fields), call)
    return NOTHING
  }
}

function blobOf({ name, size }: ObjectRow, container: string): { id: string; container: string; byteSize: number } {
  return { id: name, container, byteSize: size }
}
