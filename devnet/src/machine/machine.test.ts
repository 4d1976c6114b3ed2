import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { referenceValue } from '@teapot-network/daemon/boot'
import { parseEventLog, replayEventLog } from '@teapot-network/trust'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { commandMachine } from './control.ts'
import { type Box, createWorkshop, isAlive, type RunningBox, untilGone, type Workshop } from './machine.fixture.ts'
import { createMachine } from './machine.ts'

/** A TPM Reset, as boots count (spec/evidence.md §5.4). */
const RESET = 2 ** 16

let workshop: Workshop
let box: Box
let running: RunningBox

beforeAll(async () => {
  workshop = await createWorkshop()
})
beforeEach(async () => {
  box = await workshop.provision('box')
  running = await box.start()
  await running.until(({ state }) => state === 'running')
})
afterEach(async () => {
  const { child } = running
  if (child.exitCode !== null || child.signalCode !== null) return
  const { pid, tpmPid } = await running.ask('status')
  child.kill('SIGKILL')
  await Promise.all([untilGone(pid), untilGone(tpmPid)])
})
afterAll(() => workshop?.[Symbol.asyncDispose]())

const patchImage = (name: string): Promise<void> => writeFile(join(box.folder, 'image', name), 'process.exit(3)')
const readR = async (): Promise<string> =>
  replayEventLog(parseEventLog(await readFile(join(box.folder, 'data', 'event-log.cel')))).r

describe('a machine', () => {
  test('boots into its daemon, with the reference value of its image in R', async () => {
    const { state, pid, r } = await running.ask('status')
    expect(state).toBe('running')
    expect(isAlive(pid)).toBe(true)
    expect([r, await readR()]).toEqual([referenceValue(workshop.image), referenceValue(workshop.image)])
  })

  test('resets its TPM and begins a new log at a reboot', async () => {
    const before = await running.ask('status')
    const after = await running.ask('reboot')
    expect(after).toMatchObject({ state: 'running', boot: before.boot + RESET, r: before.r })
    expect(isAlive(before.pid)).toBe(false)
    expect(parseEventLog(await readFile(join(box.folder, 'data', 'event-log.cel')))).toHaveLength(2)
  })

  test('launches the daemon again in the same boot, and R stays', async () => {
    const before = await running.ask('status')
    const after = await running.ask('restart-daemon')
    expect(after).toMatchObject({ state: 'running', boot: before.boot })
    expect(after.pid).not.toBe(before.pid)
    expect(await readR()).toBe(before.r)
  })

  test('does one command after the other', async () => {
    const { boot } = await running.ask('stop')
    await running.exited
    // In this process, where it is certain which came first.
    await using machine = await createMachine(box.machineFile)
    const answers = await Promise.all([machine.reboot(), machine.restartDaemon(), machine.reboot()])
    expect(answers.map((status) => status.boot)).toEqual([boot + RESET, boot + RESET, boot + 2 * RESET])
  })
})

describe('on its own a machine', () => {
  test('starts a killed daemon again in the same boot', async () => {
    const { pid, boot } = await running.ask('status')
    process.kill(pid!, 'SIGKILL')
    const after = await running.until((status) => status.state === 'running' && status.pid !== pid)
    expect(after).toMatchObject({ boot, restarts: 1, error: { code: 'machine/daemon-died' } })
  })

  test('takes the loss of its TPM for a power cut, and boots', async () => {
    const { pid, tpmPid, boot } = await running.ask('status')
    process.kill(tpmPid!, 'SIGKILL')
    await running.until(({ error }) => error?.code === 'machine/tpm-died')
    await running.until((status) => status.boot === boot + RESET && status.state === 'running')
    expect(isAlive(pid)).toBe(false)
    expect(await running.ask('status')).toMatchObject({ state: 'running' })
  })

  test('halts when the image was changed under it, until a reboot', async () => {
    await writeFile(join(box.folder, 'image', 'daemon.mjs'), 'setInterval(() => {}, 1000) // patched')
    const halted = await running.ask('restart-daemon')
    expect(halted).toMatchObject({ state: 'halted', error: { code: 'boot/reboot-required' } })
    expect(halted.pid).toBeUndefined()
    const { state, r } = await running.ask('reboot')
    expect(state).toBe('running')
    expect(r).not.toBe(referenceValue(workshop.image))
    expect(await readR()).toBe(r)
  })

  test('gives up a daemon that keeps ending, until it is told to try again', async () => {
    await patchImage('daemon.mjs')
    await running.ask('reboot')
    await running.until(({ state }) => state === 'halted')
    expect(await running.ask('status')).toMatchObject({ restarts: 5, error: { code: 'machine/daemon-died' } })
  })

  test('halts without a launcher that can run', async () => {
    await patchImage('launcher.mjs')
    const halted = await running.ask('reboot')
    expect(halted).toMatchObject({ state: 'halted', error: { code: 'machine/launch-died' } })
    expect(halted.r).toBeUndefined()
  })
})

describe('a machine that ends', () => {
  const expectGone = async (pid?: number, tpmPid?: number): Promise<void> => {
    await Promise.all([untilGone(pid), untilGone(tpmPid)])
  }
  const note = (): string => join(box.folder, 'data', 'running')
  const daemonSaidGoodbye = (): boolean => !existsSync(note())
  const untilDaemonListens = async (pid?: number): Promise<void> => {
    while ((await readFile(note(), 'utf8').catch(() => '')) !== `${pid}`) await delay(10)
  }

  test('by SIGTERM stops its daemon in order, and its TPM', async () => {
    const { pid, tpmPid } = await running.ask('status')
    await untilDaemonListens(pid)
    running.child.kill('SIGTERM')
    expect(await running.exited).toEqual([0, null])
    expect([isAlive(pid), isAlive(tpmPid)]).toEqual([false, false])
    expect(daemonSaidGoodbye()).toBe(true)
  })

  test('by command answers when all is off, and is unreachable after that', async () => {
    await untilDaemonListens((await running.ask('status')).pid)
    const answer = await running.ask('stop')
    expect(answer).toMatchObject({ state: 'off' })
    expect(daemonSaidGoodbye()).toBe(true)
    await running.exited
    await expect(commandMachine(box.control, 'status')).rejects.toMatchObject({ code: 'machine/unreachable' })
  })

  test('by SIGKILL takes daemon and TPM with it, and boots again as if the power had been cut', async () => {
    const { pid, tpmPid, boot } = await running.ask('status')
    running.child.kill('SIGKILL')
    await expectGone(pid, tpmPid)
    running = await box.start()
    expect(await running.until(({ state }) => state === 'running')).toMatchObject({ boot: boot + RESET })
  })

  test('because the parent that forked it went stops in order', async () => {
    await running.ask('stop')
    await running.exited
    running = await box.start({ fork: true })
    const { pid, tpmPid } = await running.until(({ state }) => state === 'running')
    await untilDaemonListens(pid)
    running.child.disconnect()
    await running.exited
    await expectGone(pid, tpmPid)
    expect(daemonSaidGoodbye()).toBe(true)
  })
})
