import { closeSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { MeasuredImage } from '@teapot-network/daemon/boot'
import { TeapotError } from '@teapot-network/trust'
import { type OwnedProcess, own } from './child-process.ts'
import type { MeasuredLauncher } from './firmware.ts'

/** A launcher that became the daemon. */
export interface LaunchedDaemon extends OwnedProcess {
  image: MeasuredImage
}

const FLAGS = ['--disable-sigusr1', '--no-addons', '--disable-warning=ExperimentalWarning']
const REPORT_FD = 3

/**
 * Starts the measured launcher and waits until it becomes the daemon.
 * @throws TeapotError with the launcher's own code when it refuses · `machine/launch-died` when it says nothing
 */
export async function launch(
  launcher: MeasuredLauncher,
  machineFile: string,
  logFile: string,
): Promise<LaunchedDaemon> {
  const log = openSync(logFile, 'a')
  const args = [...FLAGS, launcher.launcherPath, machineFile, `${REPORT_FD}`]
  const started = own(launcher.nodePath, args, 'KILL', { stdio: ['ignore', log, log, 'pipe'], cwd: '/' })
  closeSync(log)
  const report = await text(started.child.stdio[REPORT_FD] as Readable)
  if (report === '') {
    throw new TeapotError(
      'machine/launch-died',
      `Cannot launch: expected the launcher's report, found: ${await started.ended}; see ${logFile}`,
      { kind: 'unavailable' },
    )
  }
  const { image, error } = JSON.parse(report)
  if (!error) return { ...started, image }
  await started.ended
  throw new TeapotError(error.code, error.message, { kind: error.kind })
}
