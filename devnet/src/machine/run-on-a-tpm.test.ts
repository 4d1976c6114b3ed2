import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { referenceValue } from '@teapot-network/daemon/boot'
import { parseEventLog, replayEventLog } from '@teapot-network/trust'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorkshop, untilGone, type Workshop } from './machine.fixture.ts'
import { powerOnSwtpm } from './swtpm.ts'

const ROOT = join(import.meta.dirname, '../../..')
const guide = readFileSync(join(ROOT, 'docs/how-to/run-on-a-tpm.md'), 'utf8')

let workshop: Workshop
beforeAll(async () => {
  workshop = await createWorkshop()
})
afterAll(() => workshop?.[Symbol.asyncDispose]())

test("the guide's script measures the launcher, and starts the daemon again whenever it ends", async () => {
  const { folder, machineFile } = await workshop.provision('box')
  const { tpm } = JSON.parse(await readFile(machineFile, 'utf8'))
  const log = join(folder, 'swtpm.log')
  const swtpm = await powerOnSwtpm({ socket: tpm.socket, stateDir: join(folder, 'tpm'), logFile: log })
  const [, source] = /```js\n(.*?)```/s.exec(guide)!
  const script = join(folder, 'boot.mjs')
  await writeFile(script, source!.replaceAll("'./", `'${ROOT}/`).replace('5000', '10'))
  const boot = spawn(process.execPath, [script, machineFile], { stdio: 'inherit', detached: true })
  const ended = once(boot, 'exit')
  const running = join(folder, 'data', 'running')
  const started = async (): Promise<number> => {
    while (!existsSync(running) || (await readFile(running, 'utf8')) === '') {
      if (boot.exitCode !== null) throw new Error(`the script ended with ${boot.exitCode}`)
      await delay(10)
    }
    return Number(await readFile(running, 'utf8'))
  }
  try {
    const first = await started()
    process.kill(first, 'SIGTERM')
    await untilGone(first)
    expect(await started()).not.toBe(first)
    const records = parseEventLog(await readFile(join(dirname(running), 'event-log.cel')))
    expect([records.length, replayEventLog(records).r]).toEqual([2, referenceValue(workshop.image)])
  } finally {
    if (boot.exitCode === null) process.kill(-boot.pid!, 'SIGKILL')
    await ended
    await swtpm.powerOff()
  }
})
