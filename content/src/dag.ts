import * as dagPb from '@ipld/dag-pb'
import { concatBytes, TeapotError } from '@teapot-network/trust'
import { exporter, type UnixFSEntry } from 'ipfs-unixfs-exporter'
import { importBytes, importer, type WritableStorage } from 'ipfs-unixfs-importer'
import type { CID } from 'multiformats/cid'
import type { BlockStore } from './block-store.ts'
import { checkCid, cidOfRaw, MAX_SINGLE_BLOCK_BYTES } from './cid.ts'
import { fileContent, sizeOf } from './file-content.ts'

/** Files as UnixFS DAGs, by IPIP-499 profile `unixfs-v1-2025` so that every implementation finds the same CID. */
const PROFILE = { profile: 'unixfs-v1-2025' } as const

/** A file on its way into a directory. */
export interface DirectoryEntry {
  /** Path inside the directory, e.g. `js/app.js`. */
  path: string
  bytes: Uint8Array
}

/** A file or directory that a path led to. */
export type ResolvedEntry = { kind: 'directory'; cid: CID } | ResolvedFile

/** A file, read in order. */
export interface ResolvedFile {
  kind: 'file'
  cid: CID
  sizeBytes: number
  content(signal?: AbortSignal): AsyncIterable<Uint8Array>
}

/** Writes bytes as one raw block, or above 1 MiB, unless `singleBlock`, as UnixFS; the blocks go to `storage`. */
export async function writeFile(bytes: Uint8Array, storage: WritableStorage, singleBlock = false): Promise<CID> {
  if (!singleBlock && bytes.length > MAX_SINGLE_BLOCK_BYTES) return (await importBytes(bytes, storage, PROFILE)).cid
  const cid = cidOfRaw(bytes)
  await storage.put(cid, bytes)
  return cid
}

/**
 * Writes a directory (a static page, a bundle) and returns its CID.
 * @throws TeapotError `content/bad-path` for empty, absolute, dotted, repeated or contradicting paths
 */
export async function writeDirectory(entries: DirectoryEntry[], storage: WritableStorage): Promise<CID> {
  checkPaths(entries.map((entry) => entry.path))
  const candidates = entries.map(({ path, bytes }) => ({ path, content: bytes }))
  let root: CID | undefined
  for await (const { cid } of importer(candidates, storage, { ...PROFILE, wrapWithDirectory: true })) root = cid
  return root!
}

/**
 * What a block refers to.
 * @throws TeapotError `content/malformed` when it is not dag-pb although its CID says so, `content/bad-cid` for a link nobody can verify
 */
export function linksOf(cid: CID, bytes: Uint8Array): CID[] {
  if (cid.code !== dagPb.code) return []
  try {
    return dagPb.decode(bytes).Links.map((link) => checkCid(link.Hash))
  } catch (cause) {
    if (cause instanceof TeapotError) throw cause
    throw malformed(cid, cause)
  }
}

/**
 * Follows names from a root through directories; reads only what the store has.
 * @throws TeapotError `content/not-found` when a name or block is missing, `content/malformed` when it is not UnixFS
 */
export async function resolveEntry(
  store: BlockStore,
  root: CID,
  names: string[],
  signal?: AbortSignal,
): Promise<ResolvedEntry> {
  let entry = await open(store, root, root, signal)
  for (const name of names) {
    if (entry.type !== 'directory') throw notFound(root, names)
    entry = await open(store, root, `${entry.cid}/${name}`, signal)
  }
  const { cid } = entry
  if (entry.type === 'directory') return { kind: 'directory', cid }
  const size = sizeOf(entry)
  if (size === undefined) throw malformed(cid, `a UnixFS ${entry.type}`)
  const sizeBytes = Number(size)
  if (!Number.isSafeInteger(sizeBytes)) throw malformed(cid, `a size of ${size} bytes`)
  const content = (signal?: AbortSignal) =>
    readable(
      root,
      fileContent(entry, (part) => open(store, root, part, signal)),
    )
  return { kind: 'file', cid, sizeBytes, content }
}

/**
 * A whole file as one byte array.
 * @throws TeapotError `content/too-large` as soon as it says or turns out to be larger than `maxBytes`
 */
export async function readWhole(file: ResolvedFile, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  if (file.sizeBytes > maxBytes) throw tooLarge(file.cid, maxBytes)
  for await (const part of file.content(signal)) {
    sizeBytes += part.length
    if (sizeBytes > maxBytes) throw tooLarge(file.cid, maxBytes)
    parts.push(part)
  }
  return parts.length === 1 ? parts[0]! : concatBytes(...parts)
}

/** The error for content that exceeds a caller's limit. */
export function tooLarge(cid: CID, maxBytes: number): TeapotError {
  return new TeapotError(
    'content/too-large',
    `Cannot take ${cid}: expected at most ${maxBytes} bytes, found more; raise maxBytes`,
  )
}

/** The error for content that is not here. */
export function notFound(root: CID, names: string[] = []): TeapotError {
  const path = [root, ...names].join('/')
  return new TeapotError('content/not-found', `Cannot find ${path} here; fetch it from a peer first`, {
    kind: 'unavailable',
  })
}

async function open(store: BlockStore, root: CID, path: CID | string, signal?: AbortSignal): Promise<UnixFSEntry> {
  try {
    const entry = await exporter(path, store, signal === undefined ? {} : { signal })
    checkCid(entry.cid)
    return entry
  } catch (error) {
    throw explain(root, error, signal)
  }
}

async function* readable(root: CID, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content
  } catch (error) {
    throw explain(root, error)
  }
}

function explain(root: CID, error: unknown, signal?: AbortSignal): unknown {
  signal?.throwIfAborted()
  if (error instanceof TeapotError || (error as Error).name === 'AbortError') return error
  return (error as Error).name === 'NotFoundError' ? notFound(root) : malformed(root, error)
}

function malformed(cid: CID, cause: unknown): TeapotError {
  const found = cause instanceof Error ? cause.message : cause
  return new TeapotError(
    'content/malformed',
    `Cannot read ${cid}: expected a UnixFS file or directory, found ${found}`,
    { cause },
  )
}

function checkPaths(paths: string[]): void {
  const files = new Set<string>()
  const folders = new Set<string>()
  for (const path of paths) {
    const names = path.split('/')
    if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) {
      throw badPath(path, 'names between single slashes')
    }
    if (files.has(path)) throw badPath(path, 'each path once')
    files.add(path)
    for (let n = 1; n < names.length; n++) folders.add(names.slice(0, n).join('/'))
  }
  for (const path of files) if (folders.has(path)) throw badPath(path, 'a file or a folder of that name, not both')
}

function badPath(path: string, expected: string): TeapotError {
  return new TeapotError('content/bad-path', `Cannot add ${JSON.stringify(path)}: expected ${expected}`)
}
