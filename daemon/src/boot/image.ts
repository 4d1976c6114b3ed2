import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, type FileHandle, link, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CborValue,
  type Digest,
  digestOf,
  type Entry,
  EntryKind,
  encodeCbor,
  entryDigest,
  extendPcr,
  fromHex,
  sha256,
  TeapotError,
  toHex,
} from '@teapot-network/trust'

/** A security-relevant setting that is part of the image. */
export type Setting = string | number | boolean

/** `image.json`: what makes up a runtime image besides the bytes of its files (spec/launch.md §4). */
export interface ImageManifest {
  /** Names of the files in the image's folder, beside `node` and `image.json` themselves. */
  files: string[]
  /** Node's own flags. */
  flags: string[]
  settings: Record<string, Setting>
}

/** An image as measured: digests of the bytes that are there. */
export interface MeasuredImage {
  node: Digest
  files: Record<string, Digest>
  flags: string[]
  settings: Record<string, Setting>
}

/** The executable's name in the image's folder, and the files that each image must have. */
export const NODE_FILE = 'node'
export const MANIFEST_FILE = 'image.json'
export const LAUNCHER_FILE = 'launcher.mjs'
export const DAEMON_FILE = 'daemon.mjs'

const FILE_NAME = /^[a-z][a-z0-9-]*\.mjs$/

/**
 * Reads `image.json`.
 * @throws TeapotError `boot/bad-image` unless it has exactly the fields of {@link ImageManifest}, plain file names and both files
 * that a launch needs
 */
export function parseManifest(text: string): ImageManifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw badImage('JSON', (cause as Error).message, cause)
  }
  if (!isRecord(value) || Object.keys(value).sort().join() !== 'files,flags,settings') {
    throw badImage('the fields files, flags and settings', isRecord(value) ? Object.keys(value).join() : typeof value)
  }
  const { files, flags, settings } = value
  if (!isTexts(files) || !files.every((name) => FILE_NAME.test(name)) || new Set(files).size !== files.length) {
    throw badImage('files as plain names ending in .mjs, each once', JSON.stringify(files))
  }
  for (const name of [LAUNCHER_FILE, DAEMON_FILE]) if (!files.includes(name)) throw badImage(name, 'none')
  if (!isTexts(flags) || !flags.every((flag) => flag.startsWith('--'))) {
    throw badImage('flags that start with --', JSON.stringify(flags))
  }
  if (!isRecord(settings) || !Object.values(settings).every(isSetting)) {
    throw badImage('settings of texts, whole numbers and booleans', JSON.stringify(settings))
  }
  return { files, flags, settings: settings as Record<string, Setting> }
}

/** SHA-256 over the canonical CBOR of an image: what its runtime entry measures. */
export function imageMeasurement(image: MeasuredImage): Digest {
  const files: Record<string, CborValue> = {}
  for (const [name, digest] of Object.entries(image.files)) files[name] = fromHex(digest)
  return digestOf(encodeCbor({ node: fromHex(image.node), files, flags: image.flags, settings: image.settings }))
}

/** The runtime entry of R. */
export function runtimeEntry(image: MeasuredImage): Entry {
  return { kind: EntryKind.runtime, name: 'runtime', sha256: imageMeasurement(image), grants: new Uint8Array() }
}

/** The launcher entry of R: the launcher's own bundle and the Node that runs it. */
export function launcherEntry(launcher: Digest, node: Digest): Entry {
  const digest = digestOf(encodeCbor({ launcher: fromHex(launcher), node: fromHex(node) }))
  return { kind: EntryKind.launcher, name: 'launcher', sha256: digest, grants: new Uint8Array() }
}

/** The value of R on every machine that runs this image: for the ledger's reference values. */
export function referenceValue(image: MeasuredImage): Digest {
  const launcher = image.files[LAUNCHER_FILE]
  if (!launcher) throw badImage(LAUNCHER_FILE, 'none')
  const afterLauncher = extendPcr(toHex(new Uint8Array(32)), entryDigest(launcherEntry(launcher, image.node)))
  return extendPcr(afterLauncher, entryDigest(runtimeEntry(image)))
}

/** Measures the image in a folder, without running it. @throws TeapotError `boot/bad-image` */
export async function measureImage(folder: string): Promise<MeasuredImage> {
  const manifest = parseManifest(await readImageFile(folder, MANIFEST_FILE).then((bytes) => bytes.toString()))
  const files: Record<string, Digest> = {}
  for (const name of manifest.files) files[name] = toHex(sha256(await readImageFile(folder, name)))
  const node = await openNode(folder)
  try {
    return { node: await hashFile(node), files, flags: manifest.flags, settings: manifest.settings }
  } finally {
    await node.close()
  }
}

/**
 * Opens the Node executable of an image, to be hashed and run by that same handle. Never by a symbolic link: its own path would lead the
 * processes that it starts to where the link points, whatever lies there by then.
 */
export function openNode(folder: string): Promise<FileHandle> {
  return open(join(folder, NODE_FILE), constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: Error) => {
    throw badImage(NODE_FILE, cause.message, cause)
  })
}

/**
 * Puts the Node executable of one folder into another: as a hard link where the file system can (so replace that file, never write
 * into it), since each copy is 150 MB.
 * @throws TeapotError `boot/bad-image` when it is not there
 */
export async function placeNode(from: string, folder: string): Promise<void> {
  const target = join(folder, NODE_FILE)
  await link(from, target)
    .catch(() => copyFile(from, target))
    .catch((cause: Error) => {
      throw badImage(NODE_FILE, cause.message, cause)
    })
}

/** One file of an image, whole. @throws TeapotError `boot/bad-image` when it is not there */
export function readImageFile(folder: string, name: string): Promise<Buffer> {
  return readFile(join(folder, name)).catch((cause: Error) => {
    throw badImage(name, cause.message, cause)
  })
}

const CHUNK_BYTES = 1 << 20
const known = new Map<string, Digest>()

/**
 * SHA-256 of an open file. Node is 150 MB, so the digest of a file that did not change is remembered for the life of the process.
 */
export async function hashFile(file: FileHandle): Promise<Digest> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true })
  const id = [dev, ino, size, mtimeNs, ctimeNs].join()
  const before = known.get(id)
  if (before) return before
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) break
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
  const digest = toHex(hash.digest())
  known.set(id, digest)
  return digest
}

/** The error for a folder that holds no runtime image. */
export function badImage(expected: string, found: string, cause?: unknown): TeapotError {
  return new TeapotError(
    'boot/bad-image',
    `Cannot use this runtime image: expected ${expected}, found ${found}; build the image anew`,
    { cause },
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isSetting(value: unknown): value is Setting {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value)
}
