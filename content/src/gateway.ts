import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { TeapotError } from '@teapot-network/trust'
import type { BlockStore } from './block-store.ts'
import { notFound, type ResolvedFile, resolveEntry } from './dag.ts'
import { directoryPath, type GatewayPath, parseGatewayPath } from './gateway-path.ts'
import { mediaTypeOf } from './media-type.ts'

/** Answers one HTTP request under `/ipfs/`; never rejects. */
export type GatewayHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const RAW = 'application/vnd.ipld.raw'

/** A page is a stranger's: without an origin of its own it could act as the node's console or as another page. */
const PAGE_POLICY = 'sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads'

/**
 * Serves what the store has, and nothing else: raw blocks to those who verify them (trustless gateway specification),
 * files and pages to browsers (path gateway specification). It never fetches (spec/content.md §5).
 * @param onServed told of body bytes sent, by root CID and peer
 */
export function createGateway(
  store: BlockStore,
  onServed: (cid: string, peer: string, bytes: number) => void,
): GatewayHandler {
  return async (request, response) => {
    try {
      await answer(store, request, response, onServed)
    } catch (error) {
      if (response.headersSent) response.destroy()
      else refuse(response, error)
    }
  }
}

async function answer(
  store: BlockStore,
  request: IncomingMessage,
  response: ServerResponse,
  onServed: (cid: string, peer: string, bytes: number) => void,
): Promise<void> {
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('x-content-type-options', 'nosniff')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    throw new TeapotError(
      'content/bad-method',
      `Cannot ${request.method} content: expected GET or HEAD; it is immutable`,
    )
  }
  const path = parseGatewayPath(request.url ?? '')
  const body = wantsRaw(request, path) ? await rawBlock(store, path) : await page(store, path)
  if (typeof body === 'string') {
    response.writeHead(301, { location: body }).end()
    return
  }
  if (request.headers['if-none-match']?.includes(body.etag)) {
    response.writeHead(304, { etag: body.etag }).end()
    return
  }
  await send(request, response, body)
  if (request.method === 'GET') onServed(path.root.toString(), peerOf(request), body.sizeBytes)
}

interface Body {
  etag: string
  sizeBytes: number
  headers: { [name: string]: string }
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

async function rawBlock(store: BlockStore, { root, names, asDirectory }: GatewayPath): Promise<Body> {
  if (names.length > 0 || asDirectory) {
    throw new TeapotError(
      'content/bad-path',
      'Cannot serve a raw block by path: expected /ipfs/<cid>; resolve the path yourself',
    )
  }
  const bytes = await store.read(root)
  if (bytes === undefined) throw notFound(root)
  const headers = { 'content-type': RAW, 'content-disposition': `attachment; filename="${root}.bin"` }
  return { etag: `"${root}.raw"`, sizeBytes: bytes.length, headers, content: [bytes] }
}

/** A file, a directory's `index.html`, or where to be redirected. */
async function page(store: BlockStore, path: GatewayPath): Promise<Body | string> {
  let { names } = path
  let entry = await resolveEntry(store, path.root, names)
  if (entry.kind === 'directory') {
    names = [...names, 'index.html']
    entry = await resolveEntry(store, path.root, names)
    if (!path.asDirectory) return directoryPath(path)
  } else if (path.asDirectory) throw notFound(path.root, names)
  if (entry.kind === 'directory') throw notFound(path.root, names)
  const { first, content } = await started(entry)
  const name = names.at(-1) ?? (isPage(first) ? 'index.html' : '')
  const headers = { 'content-type': mediaTypeOf(name), 'content-security-policy': PAGE_POLICY }
  return { etag: `"${entry.cid}"`, sizeBytes: entry.sizeBytes, headers, content }
}

/** A file asked for by its CID alone has no extension to tell by: a page says so in its first line. */
function isPage(first: Uint8Array | undefined): boolean {
  return first !== undefined && /^\s*<!doctype html/i.test(new TextDecoder().decode(first.subarray(0, 64)))
}

/** The file's content once its first bytes are known to be there: what is missing is a 404, not a broken answer. */
async function started(
  file: ResolvedFile,
): Promise<{ first: Uint8Array | undefined; content: AsyncIterable<Uint8Array> }> {
  const chunks = file.content()[Symbol.asyncIterator]()
  const first = await chunks.next()
  const content = (async function* () {
    for (let chunk = first; !chunk.done; chunk = await chunks.next()) yield chunk.value
  })()
  return { first: first.value, content }
}

async function send(request: IncomingMessage, response: ServerResponse, body: Body): Promise<void> {
  response.writeHead(200, {
    ...body.headers,
    etag: body.etag,
    'content-length': body.sizeBytes,
    'cache-control': 'public, max-age=29030400, immutable',
  })
  if (request.method === 'HEAD') response.end()
  else await pipeline(Readable.from(body.content), response)
}

function wantsRaw(request: IncomingMessage, { format }: GatewayPath): boolean {
  const accept = request.headers.accept ?? ''
  if (format !== undefined && format !== 'raw') {
    throw new TeapotError(
      'content/bad-format',
      `Cannot serve format ${JSON.stringify(format.slice(0, 20))}: expected raw or none`,
    )
  }
  return format === 'raw' || accept.split(',').some((type) => type.split(';')[0]!.trim() === RAW)
}

function peerOf(request: IncomingMessage): string {
  const claimed = request.headers['teapot-peer']
  if (typeof claimed === 'string' && /^[1-9A-HJ-NP-Za-km-z]{20,80}$/.test(claimed)) return claimed
  return request.socket.remoteAddress ?? 'unknown'
}

function refuse(response: ServerResponse, error: unknown): void {
  const known = error instanceof TeapotError ? error : undefined
  const text = known ? `${known.code}: ${known.message}\n` : 'content/fault: Cannot serve this now\n'
  response.writeHead(known ? statusOf(known) : 500, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
  })
  response.end(text)
}

function statusOf({ code, kind }: TeapotError): number {
  if (code === 'content/not-found') return 404
  if (code === 'content/bad-method') return 405
  return kind === 'refused' ? 400 : 500
}
