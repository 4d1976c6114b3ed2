import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { MeasuredImage } from '@teapot-network/daemon/boot'
import { buildImage } from '@teapot-network/daemon/build-image'
import { commandMachine, controlSocket, type MachineCommand } from './control.ts'
import type { MachineStatus } from './machine.ts'
import { openTpmMaker, provisionMachine } from './provision.ts'

/** A maker, an image with a stand-in daemon, and a provisioned machine, for one test file. */
export interface Workshop extends AsyncDisposable {
  folder: string
  image: MeasuredImage
  /** Provisions one more machine, or the same one anew. */
  provision(name: string): Promise<Box>
}

/** One machine's folder, and the process that is the machine. */
export interface Box {
  folder: string
  machineFile: string
  control: string
  start(options?: { fork?: boolean }): Promise<RunningBox>
}

/** A machine process. */
export interface RunningBox {
  child: ChildProcess
  ask(command: MachineCommand): Promise<MachineStatus>
  /** Waits for a state that it tells. */
  until(wanted: (status: MachineStatus) => boolean): Promise<MachineStatus>
}

const MAIN = join(import.meta.dirname, 'main.ts')

export async function createWorkshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), 'teapot-workshop-'))
  const imageDir = join(folder, 'image')
  const image = await buildImage({
    outDir: imageDir,
    entries: { 'launcher.mjs': 'daemon/src/boot/launcher.ts', 'daemon.mjs': 'devnet/src/machine/daemon.fixture.ts' },
  })
  const maker = await openTpmMaker(join(folder, 'ca'))
  const children: ChildProcess[] = []
  const sockets: string[] = []
  return {
    folder,
    image,
    provision: async (name) => {
      const machineFile = await provisionMachine({ folder: join(folder, name), name, imageDir, maker, daemon: {} })
      const { tpm } = JSON.parse(await readFile(machineFile, 'utf8'))
      sockets.push(tpm.socket)
      const control = controlSocket(tpm.socket)
      return {
        folder: join(folder, name),
        machineFile,
        control,
        start: async ({ fork = false } = {}) => {
          const child = spawn(process.execPath, [MAIN, machineFile], {
            stdio: ['ignore', 'pipe', 'inherit', ...(fork ? (['ipc'] as const) : [])],
          })
          children.push(child)
          return watch(child, control)
        },
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')))
      await Promise.all([folder, ...sockets.map(dirname)].map((path) => rm(path, { recursive: true, force: true })))
    },
  }
}

function watch(child: ChildProcess, control: string): RunningBox {
  let last: MachineStatus | undefined
  createInterface({ input: child.stdout! }).on('line', (line) => {
    last = JSON.parse(line)
  })
  return {
    child,
    ask: (command) => commandMachine(control, command, AbortSignal.timeout(25_000)),
    until: async (wanted) => {
      while (!last || !wanted(last)) await delay(10)
      return last
    },
  }
}

/** Whether a process runs. */
export function isAlive(pid: number | undefined): boolean {
  return pid !== undefined && existsSync(`/proc/${pid}/exe`)
}

/** Waits until a process is gone. */
export async function untilGone(pid: number | undefined): Promise<void> {
  while (isAlive(pid)) await delay(10)
}
