import { mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createTpm } from '@teapot-network/daemon/tpm'
import { TeapotError } from '@teapot-network/trust'
import { own } from './child-process.ts'

/** A software TPM with its power on. */
export interface Swtpm {
  readonly pid: number
  /** Settles when its process is gone. */
  readonly ended: Promise<string>
  /** Cuts the power after an orderly TPM2_Shutdown. Nobody else may be talking to it. */
  powerOff(): Promise<void>
}

const PATIENCE_MS = 5000
const POLL_MS = 5
const PROBE_MS = 2000
const START_MS = 30_000

/**
 * Starts swtpm: power on, TPM reset, TPM2_Startup(CLEAR). It serves one connection at a time, and outlives each.
 * @throws TeapotError `machine/no-swtpm` when it ends instead
 */
export async function powerOnSwtpm(
  { socket, stateDir, logFile }: { socket: string; stateDir: string; logFile: string },
  signal?: AbortSignal,
): Promise<Swtpm> {
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 })
  await removeSockets(socket)
  const args = [
    ['socket', '--tpm2', '--tpmstate', `dir=${stateDir}`, '--flags', 'not-need-init,startup-clear'],
    ['--server', `type=unixio,path=${socket},mode=0600`, '--ctrl', `type=unixio,path=${socket}.ctrl,mode=0600`],
    ['--log', `file=${logFile},level=1`],
  ].flat()
  const { child, pid, ended, stop } = own('swtpm', args, 'TERM', { stdio: 'ignore' })
  const began = performance.now()
  let how: string | undefined
  void ended.then((text) => {
    how = text
  })
  try {
    while (!(await answers(socket))) {
      if (performance.now() - began > START_MS) how ??= `no answer in ${START_MS} ms`
      if (how !== undefined) throw noSwtpm(how, logFile)
      await delay(POLL_MS, undefined, { signal })
    }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return {
    pid,
    ended,
    powerOff: async () => {
      const tpm = createTpm({ socket })
      await tpm.connect(AbortSignal.timeout(PATIENCE_MS)).catch(() => {})
      await tpm[Symbol.asyncDispose]()
      await stop(PATIENCE_MS)
      await removeSockets(socket)
    },
  }
}

/** TPM2_GetCapability of one fixed property (TPM 2.0 Library Part 3 §30.2). */
const ASK = Buffer.from('8001000000160000017a000000060000010000000001', 'hex')

/** The socket's file is there a moment before anybody listens, and swtpm listens a moment before it finds out that it cannot work. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket, () => probe.write(ASK))
    probe.on('error', () => {})
    // One that hangs is asked again, until the caller's patience ends.
    probe.setTimeout(PROBE_MS, () => probe.destroy())
    probe.once('data', () => {
      resolve(true)
      probe.destroy()
    })
    probe.once('close', () => resolve(false))
  })
}

async function removeSockets(socket: string): Promise<void> {
  await Promise.all([socket, `${socket}.ctrl`].map((path) => rm(path, { force: true })))
}

function noSwtpm(how: string, logFile: string): TeapotError {
  return new TeapotError(
    'machine/no-swtpm',
    `Cannot power on: expected swtpm to open its socket, found: ${how}; see ${logFile}, and install swtpm where it is missing`,
    { kind: 'unavailable' },
  )
}
