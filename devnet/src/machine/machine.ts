import { mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type LaunchFile, readLaunchFile, referenceValue } from '@teapot-network/daemon/boot'
import type { Digest, TeapotError } from '@teapot-network/trust'
import { type MeasuredLauncher, measureLauncher } from './firmware.ts'
import { type LaunchedDaemon, launch } from './launch.ts'
import { powerOnSwtpm, type Swtpm } from './swtpm.ts'

/** `halted`: powered, but no daemon runs, and none will before a command: a reboot, or for a daemon that kept crashing a restart. */
export type MachineState = 'off' | 'booting' | 'running' | 'halted'

/** What a machine tells of itself. */
export interface MachineStatus {
  name: string
  state: MachineState
  /** The TPM's reset count. */
  boot: number
  /** The daemon's process, while it runs. */
  pid?: number
  tpmPid?: number
  /** How often the daemon was started again in this boot. */
  restarts: number
  /** From power-on, or from the launcher's start when the daemon alone was restarted, until the launcher became the daemon. */
  launchMs?: number
  /** What R holds when the machine runs its image unaltered. */
  r?: Digest
  /** Why it halted, or what last went wrong. */
  error?: { code: string; message: string }
}

/** One box of a devnet: plays firmware, owns the TPM, runs launcher and daemon, and starts the daemon again when it dies. */
export interface Machine extends AsyncDisposable {
  status(): MachineStatus
  /** Stops what runs, resets the TPM, and starts over. Resolves when the daemon runs or the machine halted. */
  reboot(): Promise<MachineStatus>
  /** Stops the daemon and launches it again in the same boot. */
  restartDaemon(): Promise<MachineStatus>
}

const STOP_PATIENCE_MS = 8000
/** A daemon that lived this long starts counting its crashes anew. */
const HEALTHY_MS = 10_000
const MAX_CRASHES = 5
const BACKOFF_MS = 50

/** What measures the launcher right after power-on. Nothing in an attestation tells of a firmware that measures one and runs another. */
export type Firmware = typeof measureLauncher

/** A powered-off machine of a `machine.json`; `reboot` switches it on. */
export async function createMachine(
  path: string,
  onChange: (status: MachineStatus) => void = () => {},
  firmware: Firmware = measureLauncher,
): Promise<Machine> {
  const machineFile = resolve(path)
  const file = await readLaunchFile(machineFile)
  await mkdir(file.runDir, { recursive: true })
  await mkdir(dirname(file.eventLog), { recursive: true })
  return new DevnetMachine(file, machineFile, onChange, firmware)
}

class DevnetMachine implements Machine {
  readonly #file: LaunchFile
  readonly #machineFile: string
  readonly #folder: string
  readonly #onChange: (status: MachineStatus) => void
  readonly #firmware: Firmware
  readonly #off = new AbortController()
  #status: MachineStatus
  #swtpm: Swtpm | undefined
  #launcher: MeasuredLauncher | undefined
  #daemon: LaunchedDaemon | undefined
  #crashes = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(file: LaunchFile, machineFile: string, onChange: (status: MachineStatus) => void, firmware: Firmware) {
    this.#file = file
    this.#machineFile = machineFile
    this.#folder = dirname(machineFile)
    this.#onChange = onChange
    this.#firmware = firmware
    this.#status = { name: file.name, state: 'off', boot: 0, restarts: 0 }
  }

  status(): MachineStatus {
    return this.#status
  }

  reboot(): Promise<MachineStatus> {
    this.#crashes = 0
    return this.#queue(() => this.#boot())
  }

  restartDaemon(): Promise<MachineStatus> {
    this.#crashes = 0
    return this.#queue(async () => {
      await this.#stopDaemon()
      await this.#launch(performance.now())
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#off.abort()
    await this.#queue(() => this.#powerOff())
  }

  /** One thing at a time; the machine answers with how it stands after it. */
  #queue(work: () => Promise<void>): Promise<MachineStatus> {
    const result = this.#turn.then(work).then(
      () => this.#status,
      (error: TeapotError) => {
        this.#change({ state: 'halted', error: { code: error.code, message: error.message } })
        return this.#status
      },
    )
    this.#turn = result
    return result
  }

  #change(change: Partial<MachineStatus>): void {
    this.#status = { ...this.#status, ...change }
    this.#onChange(this.#status)
  }

  async #boot(): Promise<void> {
    await this.#powerOff()
    if (this.#off.signal.aborted) return
    const began = performance.now()
    this.#forget('error', 'r', 'launchMs')
    this.#change({ state: 'booting', restarts: 0 })
    if (!('socket' in this.#file.tpm)) throw new TypeError('A devnet machine needs a TPM at a unix socket')
    const swtpm = await powerOnSwtpm({
      socket: this.#file.tpm.socket,
      stateDir: join(this.#folder, 'tpm'),
      logFile: join(this.#folder, 'swtpm.log'),
    })
    this.#swtpm = swtpm
    this.#change({ tpmPid: swtpm.pid })
    void swtpm.ended.then((how) => {
      const error = { code: 'machine/tpm-died', message: `The TPM's process ended (${how})` }
      this.#recover(
        () => this.#swtpm === swtpm,
        error,
        () => this.#boot(),
      )
    })
    this.#launcher = await this.#firmware(this.#file, this.#off.signal)
    this.#change({ boot: this.#launcher.boot })
    await this.#launch(began)
  }

  async #launch(asked: number): Promise<void> {
    if (this.#off.signal.aborted) return
    if (!this.#launcher) throw new TypeError('No launcher was measured: reboot the machine')
    const daemon = await launch(this.#launcher, this.#machineFile, join(this.#folder, 'daemon.log'))
    const began = performance.now()
    this.#daemon = daemon
    void daemon.ended.then((how) => {
      const error = { code: 'machine/daemon-died', message: `The daemon ended (${how})` }
      if (this.#daemon === daemon) this.#forget('pid')
      if (performance.now() - began > HEALTHY_MS) this.#crashes = 0
      this.#recover(
        () => this.#daemon === daemon,
        error,
        async () => {
          this.#change({ restarts: this.#status.restarts + 1 })
          await this.#launch(performance.now())
        },
      )
    })
    const launchMs = Math.round(began - asked)
    this.#change({ state: 'running', pid: daemon.pid, launchMs, r: referenceValue(daemon.image) })
  }

  /** After what nobody asked for: tries again, each time a little later, until it gives up. A command may come first. */
  #recover(isCurrent: () => boolean, error: { code: string; message: string }, work: () => Promise<void>): void {
    if (!isCurrent() || this.#off.signal.aborted) return
    const crashes = ++this.#crashes
    const givesUp = crashes > MAX_CRASHES
    this.#change({ state: givesUp ? 'halted' : 'booting', error })
    if (givesUp) return
    void this.#queue(async () => {
      await delay(BACKOFF_MS * 2 ** (crashes - 1), undefined, { signal: this.#off.signal }).catch(() => {})
      if (isCurrent() && !this.#off.signal.aborted) await work()
    })
  }

  async #stopDaemon(): Promise<void> {
    const daemon = this.#daemon
    this.#daemon = undefined
    await daemon?.stop(STOP_PATIENCE_MS)
    this.#forget('pid')
  }

  async #powerOff(): Promise<void> {
    await this.#stopDaemon()
    const swtpm = this.#swtpm
    this.#swtpm = undefined
    await swtpm?.powerOff()
    await this.#launcher?.[Symbol.asyncDispose]()
    this.#launcher = undefined
    this.#forget('tpmPid')
    this.#change({ state: 'off' })
  }

  #forget(...fields: ('pid' | 'tpmPid' | 'error' | 'r' | 'launchMs')[]): void {
    const status = { ...this.#status }
    for (const field of fields) delete status[field]
    this.#status = status
  }
}
