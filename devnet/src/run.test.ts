import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DevnetEvent } from './output/event.ts'
import { processStat } from './processes/proc.ts'

const FIXTURE = fileURLToPath(new URL('run.fixture.ts', import.meta.url))

let folder: string
const started: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-run-'))
})

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await new Promise((resolve) => child.once('exit', resolve))
    }
  }
  rmSync(folder, { recursive: true, force: true })
})

function start(args: string[] = [], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [FIXTURE, '--json', '--folder', folder, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return watch(child)
}

function watch(child: ChildProcess) {
  started.push(child)
  const events: DevnetEvent[] = []
  const lines = createInterface({ input: child.stdout! }).on('line', (line) => events.push(JSON.parse(line)))
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
  const until = async (name: DevnetEvent['event']) => {
    while (!events.some(({ event }) => event === name)) await once(lines, 'line')
  }
  return { child, events, exit, until }
}

function pidsOf(events: DevnetEvent[]): number[] {
  const said = events.find((event) => event.event === 'say' && event.data?.['pids'])
  return said?.event === 'say' ? (said.data?.['pids'] as number[]) : []
}

async function expectGone(pids: number[]): Promise<void> {
  expect(pids).toHaveLength(3)
  const alive = () => pids.filter((pid) => processStat(pid) && !processStat(pid)?.zombie)
  await expect.poll(alive).toEqual([])
}

test('with --once it exits 0 when every step held, and nothing is left running', async () => {
  const { events, exit } = start(['--once'])
  expect(await exit).toBe(0)
  expect(events.map(({ event }) => event)).toEqual(['start', 'step', 'say', 'held', 'up', 'end'])
  expect(events.at(-1)).toMatchObject({ held: 1, failed: 0 })
  await expectGone(pidsOf(events))
})

test('it exits 1 when a step failed, says which, and nothing is left running', async () => {
  const { events, exit } = start(['--once'], { FAIL_STEP: '1' })
  expect(await exit).toBe(1)
  expect(events.at(-2)).toMatchObject({ event: 'failed', step: '2', message: expect.stringContaining('as asked') })
  expect(events.at(-1)).toMatchObject({ event: 'end', held: 1, failed: 1 })
  await expectGone(pidsOf(events))
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('it stays up until %s, then stops everything', async (signal) => {
  const { child, events, exit, until } = start()
  await until('up')
  child.kill(signal)
  // A terminal, a shell and npm may each pass the same Ctrl-C on.
  child.kill(signal)
  expect(await exit).toBe(0)
  await expectGone(pidsOf(events))
})

test('a second devnet in the same folder is refused while the first is up', async () => {
  const first = start()
  await first.until('up')
  const second = start()
  expect(await second.exit).toBe(1)
  expect(second.events[0]).toMatchObject({ event: 'failed', code: 'devnet/already-running' })
})

test('killed outright, it leaves nothing running, and the next start resumes the same network', async () => {
  const first = start()
  await first.until('up')
  first.child.kill('SIGKILL')
  await expectGone(pidsOf(first.events))
  const state = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))

  const second = start(['--once'])
  expect(await second.exit).toBe(0)
  expect(second.events[0]).toMatchObject({ event: 'start', resumed: true })
  expect(JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')).keys).toEqual(state.keys)
})

test('killed together with its sentinel, its leftovers are stopped by the next start', async () => {
  const first = start()
  await first.until('up')
  const sentinel = readFileSync(`/proc/${first.child.pid}/task/${first.child.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number)
    .find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sentinel'))
  process.kill(sentinel!, 'SIGKILL')
  first.child.kill('SIGKILL')
  await first.exit
  const pids = pidsOf(first.events)
  // The chain stops by itself when its owner has gone; a machine and what it started do not.
  expect(pids.slice(0, 2).filter((pid) => processStat(pid))).toHaveLength(2)

  const second = start(['--once'])
  expect(await second.exit).toBe(0)
  await expectGone(pids)
})

test('it stops when the process that started it has gone', async () => {
  // The shell in between starts a devnet, tells it so, and is then killed.
  const script = `TEAPOT_PARENT=$$ "$0" "$@" & wait`
  const shell = spawn('sh', ['-c', script, process.execPath, FIXTURE, '--json', '--folder', folder])
  const { events, exit, until } = watch(shell)
  await until('up')
  shell.kill('SIGKILL')
  // Only when the devnet has ended as well is nobody left who writes into the folder.
  await exit
  await expectGone(pidsOf(events))
})

test('--fresh forgets the network of last time', async () => {
  await start(['--once']).exit
  const before = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))
  const { events, exit } = start(['--once', '--fresh'])
  expect(await exit).toBe(0)
  expect(events[0]).toMatchObject({ resumed: false })
  expect(JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')).keys).not.toEqual(before.keys)
})

test('a state file that is no state is refused, not overwritten', async () => {
  await start(['--once']).exit
  const file = join(folder, 'state.json')
  writeFileSync(file, '{"v":1')
  const { events, exit } = start(['--once'])
  expect(await exit).toBe(1)
  expect(events[0]).toMatchObject({ event: 'failed', code: 'devnet/state-unreadable' })
  expect(readFileSync(file, 'utf8')).toBe('{"v":1')
})
