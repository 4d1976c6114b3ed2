import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DevnetPaths, openPaths } from '../paths.ts'
import { processStat } from './proc.ts'
import { readRecords } from './record.ts'
import { type ProcessSpec, Supervisor } from './supervisor.ts'

let paths: DevnetPaths
let supervisor: Supervisor

beforeEach(() => {
  paths = openPaths(mkdtempSync(join(tmpdir(), 'teapot-supervisor-')))
  supervisor = new Supervisor(paths)
})

afterEach(async () => {
  await supervisor[Symbol.asyncDispose]()
  rmSync(paths.folder, { recursive: true, force: true })
})

function shell(script: string, more: Partial<ProcessSpec<string>> = {}): ProcessSpec<string> {
  const ready = (line: string) => /^ready (.*)$/.exec(line)?.[1]
  return { name: 'sh', command: 'sh', args: ['-c', script], layer: 1, ready, ...more }
}

test('a process is up when it says so, and logs both outputs to its file', async () => {
  const up = await supervisor.start(shell('echo warming; echo oops >&2; echo ready port 7; exec sleep 100'))
  expect(up.ready).toBe('port 7')
  expect(readRecords(paths.processes)).toMatchObject([{ name: 'sh', pid: up.pid }])
  await up.stop()
  expect(await up.ended).toBe('SIGTERM')
  expect(readRecords(paths.processes)).toEqual([])
  const logged = () => readFileSync(up.logFile, 'utf8').split('\n').sort()
  await expect.poll(logged).toEqual(['', 'oops', 'ready port 7', 'warming'])
})

test('a process that ends before it is ready is an error with its last lines', async () => {
  await expect(supervisor.start(shell('echo out of disk >&2; exit 3'))).rejects.toMatchObject({
    code: 'devnet/process-failed',
    message: expect.stringMatching(/exit code 3.*out of disk/s),
  })
})

test('a program that does not exist is an error', async () => {
  await expect(supervisor.start(shell('', { command: '/no/such/program' }))).rejects.toMatchObject({
    code: 'devnet/process-failed',
    message: expect.stringContaining('ENOENT'),
  })
})

test('a process that says nothing in time is stopped, and is an error', async () => {
  await expect(supervisor.start(shell('exec sleep 100', { readyTimeoutMs: 200 }))).rejects.toMatchObject({
    code: 'devnet/process-failed',
    message: expect.stringContaining('200 ms'),
  })
  expect(readRecords(paths.processes)).toEqual([])
})

test('waiting for readiness ends with the signal', async () => {
  const controller = new AbortController()
  const waiting = supervisor.start(shell('exec sleep 100', { signal: controller.signal }))
  controller.abort(new Error('called off'))
  await expect(waiting).rejects.toThrow('called off')
})

test('one that ignores SIGTERM is killed by its pid, with all that it started', async () => {
  const script = `trap '' TERM; sleep 100 & echo "ready $!"; while :; do sleep 1; done`
  const up = await supervisor.start(shell(script, { stopTimeoutMs: 200 }))
  await up.stop()
  expect(await up.ended).toBe('SIGKILL')
  const child = Number(up.ready)
  await expect.poll(() => processStat(child)?.zombie ?? true).toBe(true)
})

test('the highest layer stops first, each whole before the next', async () => {
  const order: string[] = []
  const slow = `trap 'sleep 0.3; exit 0' TERM; echo ready; while :; do sleep 0.05; done`
  const ready = (line: string) => (line === 'ready' ? true : undefined)
  for (const [name, layer] of [
    ['chain', 0],
    ['a', 1],
    ['b', 1],
  ] as const) {
    const up = await supervisor.start({ name, command: 'sh', args: ['-c', slow], layer, ready })
    void up.ended.then(() => order.push(name))
  }
  await supervisor[Symbol.asyncDispose]()
  expect(order.slice(0, 2).sort()).toEqual(['a', 'b'])
  expect(order[2]).toBe('chain')
})
