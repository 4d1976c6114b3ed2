// The runtime image's launcher: `node launcher.mjs <machine.json> [report fd]`. It judges nothing: it measures what is there, and becomes it.
import { closeSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TeapotError } from '@teapot-network/trust'
import { measureRuntime, prepareImage } from './launch.ts'
import { readLaunchFile } from './launch-file.ts'

/** The whole environment of the daemon: where the system's own tools are, and no OpenSSL configuration that could load code. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', OPENSSL_CONF: '/dev/null' }
const TIMEOUT_MS = 60_000

const [path = 'machine.json', reportFd] = process.argv.slice(2)
const machineFile = resolve(path)

/** Tells the firmware, which listens on a pipe, what became of the launch. */
function report(outcome: object): void {
  if (reportFd === undefined) return
  writeSync(Number(reportFd), `${JSON.stringify(outcome)}\n`)
  closeSync(Number(reportFd))
}

try {
  const file = await readLaunchFile(machineFile)
  const { image, node, folder, daemon } = await prepareImage(file)
  const measured = await measureRuntime(image, file, AbortSignal.timeout(TIMEOUT_MS))
  process.chdir(folder)
  report({ image, measured })
  // By the open file that was hashed: the name may lead elsewhere by now.
  process.execve?.(`/proc/self/fd/${node.fd}`, ['node', ...image.flags, daemon, machineFile], ENVIRONMENT)
} catch (error) {
  const { code = 'boot/failed', kind = 'fault', message } = error as TeapotError
  console.error(`${code}: ${message}`)
  report({ error: { code, kind, message } })
  process.exitCode = 1
}
