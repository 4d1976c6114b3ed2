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
  /** Settles when the process is gone, with its exit code and signal. */
  exited: Promise<unknown[]>
  ask(command: MachineCommand): Promise<MachineStatus>
  /** The first state that fits: the one told last, or one that it tells from now on. */
  until(wanted: (status: MachineStatus) => boolean): Promise<MachineStatus>
}

export async function createWorkshop(): Promise<Workshop> {
  const folder = await mkdtemp(join(tmpdir(), 'teapot-workshop-'))
  const [imageDir, program] = [join(folder, 'image'), join(folder, 'machine.mjs')]
  const image = await buildImage({
    outDir: imageDir,
    // Bundled it starts in a quarter of the time.
    besides: { [program]: 'devnet/src/machine/main.ts' },
    entries: { 'launcher.mjs': 'daemon/src/boot/launcher.ts', 'daemon.mjs': 'devnet/src/machine/daemon.fixture.ts' },
  })
  const maker = await openTpmMaker(join(folder, 'ca'))
  const running: RunningBox[] = []
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
          const child = spawn(process.execPath, [program, machineFile], {
            stdio: ['ignore', 'pipe', 'inherit', ...(fork ? (['ipc'] as const) : [])],
          })
          const box = watch(child, control)
          running.push(box)
          return box
        },
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { child } of running) child.kill('SIGKILL')
      await Promise.all(running.map(({ exited }) => exited))
      await Promise.all([folder, ...sockets.map(dirname)].map((path) => rm(path, { recursive: true, force: true })))
    },
  }
}

function watch(child: ChildProcess, control: string): RunningBox {
  let last: MachineStatus | undefined
  const told = new Set<(status: MachineStatus) => void>()
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const status: MachineStatus = JSON.parse(line)
    last = status
    for (const tell of told) tell(status)
  })
  return {
    child,
    exited: once(child, 'exit'),
    ask: (command) => commandMachine(control, command),
    until: (wanted) =>
      new Promise((resolve) => {
        const tell = (status: MachineStatus) => {
          if (!wanted(status)) return
          told.delete(tell)
          resolve(status)
        }
        told.add(tell)
        if (last) tell(last)
      }),
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
