import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceFile } from '../write-file.ts'
import { stopLeftovers } from './leftovers.ts'
import { bootId, FOLDER_VARIABLE, processStat } from './proc.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-leftovers-'))
  file = join(folder, 'processes.json')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function sleeper(env: Record<string, string> = {}) {
  const child = spawn('sleep', ['100'], { detached: true, stdio: 'ignore', env: { PATH: process.env.PATH, ...env } })
  return { child, pid: child.pid!, ended: new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal))) }
}

function record(pid: number, startTicks: number, boot = bootId()): void {
  replaceFile(file, JSON.stringify({ boot, processes: [{ name: 'sleeper', pid, startTicks }] }))
}

test('a recorded process that still runs is stopped', async () => {
  const { pid, ended } = sleeper()
  record(pid, processStat(pid)!.startTicks)
  expect(await stopLeftovers(folder, file)).toEqual([pid])
  expect(await ended).toBe('SIGTERM')
})

test('a process that names the folder in its environment is stopped, recorded or not', async () => {
  const { pid, ended } = sleeper({ [FOLDER_VARIABLE]: folder })
  // Its environment is its own only once it has begun to execute.
  await expect.poll(() => readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toBe('')
  expect(await stopLeftovers(folder, file)).toEqual([pid])
  expect(await ended).toBe('SIGTERM')
})

test('a stranger that has taken over a recorded pid is left alone', async () => {
  const { child, pid, ended } = sleeper({ [FOLDER_VARIABLE]: `${folder}-of-somebody-else` })
  record(pid, processStat(pid)!.startTicks - 1)
  expect(await stopLeftovers(folder, file)).toEqual([])
  record(pid, processStat(pid)!.startTicks, 'another-boot')
  expect(await stopLeftovers(folder, file)).toEqual([])
  expect(processStat(pid)?.zombie).toBe(false)
  child.kill()
  await ended
})

test('records that cannot be read count as none', async () => {
  replaceFile(file, '{"boot":')
  expect(await stopLeftovers(folder, file)).toEqual([])
})
