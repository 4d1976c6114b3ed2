import { openSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { MeasuredImage } from '@teapot-network/daemon/boot'
import type { Readable } from 'node:stream'
import { type OwnedProcess, own } from './child-process.ts'
import type { MeasuredLauncher } from './firmware.ts'

/** A launcher that became the daemon. */
export interface LaunchedDaemon extends OwnedProcess {
  image: MeasuredImage
}

/** Why a launch ended before the daemon ran. */
export class LaunchFailed extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const REPORT_FD = 3

/** Starts the measured launcher and waits until it has become the daemon, or says why not. @throws LaunchFailed */
export async function launch(
  launcher: MeasuredLauncher,
  machineFile: string,
  logFile: string,
): Promise<LaunchedDaemon> {
  const log = openSync(logFile, 'a')
  const flags = ['--disable-sigusr1', '--no-addons', '--disable-warning=ExperimentalWarning']
  const started = own(
    launcher.nodePath,
    [...flags, launcher.launcherPath, machineFile, String(REPORT_FD)],
    'KILL',
    { stdio: ['ignore', log, log, 'pipe'], cwd: '/' },
  )
  const report = await text(started.child.stdio[REPORT_FD] as Readable)
  if (report === '') throw new LaunchFailed('machine/launch-died', `The launcher ended: ${await started.ended}; see ${logFile}`)
  const { image, error } = JSON.parse(report)
  if (!error) return { ...started, image }
  await started.ended
  throw new LaunchFailed(error.code, error.message)
}
