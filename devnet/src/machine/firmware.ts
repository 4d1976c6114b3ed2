import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  hashFile,
  LAUNCHER_FILE,
  type LaunchFile,
  launcherEntry,
  openEventLog,
  openNode,
  readImageFile,
} from '@teapot-network/daemon/boot'
import { createTpm, readClock } from '@teapot-network/daemon/tpm'
import { bootOf, digestOf } from '@teapot-network/trust'

/** What the firmware has measured and will run, for the length of one boot. */
export interface MeasuredLauncher extends AsyncDisposable {
  /** The TPM's reset count. */
  boot: number
  /** The Node executable that was hashed, by its open file. */
  nodePath: string
  /** The launcher's bytes that were hashed. */
  launcherPath: string
}

const COPY_PREFIX = 'launcher-'

/** Right after power-on: begins a new event log and measures the launcher, and the Node that runs it, into R (spec/launch.md §2). */
export async function measureLauncher(
  { imageDir, runDir, eventLog, tpm: address }: LaunchFile,
  signal?: AbortSignal,
): Promise<MeasuredLauncher> {
  for (const name of await readdir(runDir)) {
    if (name.startsWith(COPY_PREFIX)) await rm(join(runDir, name), { recursive: true })
  }
  const folder = await mkdtemp(join(runDir, COPY_PREFIX))
  const bytes = await readImageFile(imageDir, LAUNCHER_FILE)
  const launcherPath = join(folder, LAUNCHER_FILE)
  await writeFile(launcherPath, bytes, { mode: 0o444 })
  const node = await openNode(imageDir)
  try {
    const entry = launcherEntry(digestOf(bytes), await hashFile(node))
    await using tpm = createTpm(address)
    const boot = bootOf(await readClock(await tpm.connect(signal), signal))
    await rm(eventLog, { force: true })
    await using log = await openEventLog(eventLog, tpm, signal)
    await log.measure(entry, signal)
    return {
      boot,
      nodePath: `/proc/${process.pid}/fd/${node.fd}`,
      launcherPath,
      [Symbol.asyncDispose]: () => node.close(),
    }
  } catch (error) {
    await node.close()
    throw error
  }
}
