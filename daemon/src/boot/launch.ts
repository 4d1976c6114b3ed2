import type { FileHandle } from 'node:fs/promises'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Digest,
  EntryKind,
  encodeEntry,
  equalBytes,
  parseEntry,
  sha256,
  TeapotError,
  toHex,
} from '@teapot-network/trust'
import { createTpm } from '../tpm/tpm.ts'
import { openEventLog } from './event-log.ts'
import {
  DAEMON_FILE,
  hashFile,
  MANIFEST_FILE,
  type MeasuredImage,
  NODE_FILE,
  openNode,
  parseManifest,
  placeNode,
  readImageFile,
  runtimeEntry,
} from './image.ts'
import type { LaunchFile } from './launch-file.ts'

/** An image that is measured and ready to run. */
export interface PreparedImage {
  image: MeasuredImage
  /** The very file that was hashed, still open. */
  node: FileHandle
  /** The folder with the bytes that were hashed, and `image.json` with their digests. */
  folder: string
  daemon: string
}

const COPY_PREFIX = 'image-'

/**
 * Hashes the image that is there and copies out the very bytes hashed, each read once (spec/launch.md §5).
 * @throws TeapotError `boot/bad-image`
 */
export async function prepareImage({
  imageDir,
  runDir,
}: Pick<LaunchFile, 'imageDir' | 'runDir'>): Promise<PreparedImage> {
  const manifest = parseManifest((await readImageFile(imageDir, MANIFEST_FILE)).toString())
  await mkdir(runDir, { recursive: true })
  await removeCopies(runDir)
  const folder = await mkdtemp(join(runDir, COPY_PREFIX))
  const files: Record<string, Digest> = {}
  for (const name of manifest.files) {
    const bytes = await readImageFile(imageDir, name)
    files[name] = toHex(sha256(bytes))
    await writeFile(join(folder, name), bytes, { mode: 0o444 })
  }
  await placeNode(join(imageDir, NODE_FILE), folder)
  const node = await openNode(folder)
  const image = { node: await hashFile(node), files, flags: manifest.flags, settings: manifest.settings }
  await writeFile(join(folder, MANIFEST_FILE), JSON.stringify(image), { mode: 0o444 })
  // Another uid may run the sandbox from here; nobody may add to it.
  await chmod(folder, 0o555)
  return { image, node, folder, daemon: join(folder, DAEMON_FILE) }
}

/**
 * Extends R by the runtime entry, unless this boot holds it already.
 * @throws TeapotError `boot/no-launcher-entry` when the firmware did not measure the launcher · `boot/reboot-required` when this boot
 * started another image · what the TPM and the event log throw
 */
export async function measureRuntime(
  image: MeasuredImage,
  { tpm: address, eventLog }: Pick<LaunchFile, 'tpm' | 'eventLog'>,
  signal?: AbortSignal,
): Promise<boolean> {
  const entry = runtimeEntry(image)
  await using tpm = createTpm(address)
  await using log = await openEventLog(eventLog, tpm, signal)
  const contents = log.records().map(({ content }) => content)
  const kindOf = (content: Uint8Array): number => parseEntry(content).kind
  if (!contents.some((content) => kindOf(content) === EntryKind.launcher)) throw noLauncher()
  const earlier = contents.find((content) => kindOf(content) === EntryKind.runtime)
  if (earlier && !equalBytes(earlier, encodeEntry(entry)))
    throw rebootRequired(parseEntry(earlier).sha256, entry.sha256)
  return log.measure(entry, signal)
}

/** Copies that earlier runs left; a killed daemon cannot tidy up. */
async function removeCopies(runDir: string): Promise<void> {
  for (const entry of await readdir(runDir, { withFileTypes: true })) {
    if (!entry.name.startsWith(COPY_PREFIX)) continue
    const path = join(runDir, entry.name)
    if (entry.isDirectory()) await chmod(path, 0o755)
    await rm(path, { recursive: true, force: true })
  }
}

function noLauncher(): TeapotError {
  return new TeapotError(
    'boot/no-launcher-entry',
    'Cannot launch: expected the launcher to be measured into R before it runs, found no launcher entry; start it from the firmware',
  )
}

function rebootRequired(expected: Digest, found: Digest): TeapotError {
  return new TeapotError(
    'boot/reboot-required',
    `Cannot launch: expected the runtime image ${expected} that this boot started, found ${found}; reboot required`,
  )
}
