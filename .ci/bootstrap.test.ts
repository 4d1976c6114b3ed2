import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const ROOT = dirname(import.meta.dirname)
const LOCK = {
  packages: {
    '': {},
    trust: {},
    'node_modules/x': { version: '1.0.0' },
    'node_modules/y': { version: '1.0.0', optional: true },
  },
}

const asRoot = test.runIf(process.getuid?.() === 0)

let folder: string
let programs: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-bootstrap-'))
  programs = join(folder, 'programs')
  mkdirSync(programs)
  mkdirSync(join(folder, 'node_modules'))
  copyFileSync(join(ROOT, 'run.mjs'), join(folder, 'run.mjs'))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(LOCK))
  install({ 'node_modules/x': { version: '1.0.0' } })
  for (const name of ['sh', 'mkdir']) symlinkSync(`/bin/${name}`, join(programs, name))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function install(packages: object): void {
  writeFileSync(join(folder, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }))
}

function program(name: string, script: string): void {
  writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(programs, name), 0o755)
}

function bootstrap(...args: string[]) {
  const env = { PATH: programs }
  return spawnSync(process.execPath, [join(folder, 'run.mjs'), ...args], { env, encoding: 'utf8' })
}

test('with everything in place it says nothing and runs the command, exit code and all', () => {
  expect(bootstrap('sh', '-c', 'echo out; exit 7')).toMatchObject({ status: 7, stdout: 'out\n', stderr: '' })
})

test('the command finds Node 26 and the installed programs on its PATH', () => {
  const { stdout } = bootstrap('sh', '-c', 'echo $PATH')
  expect(stdout.split(':').slice(0, 2)).toEqual([dirname(process.execPath), join(folder, 'node_modules', '.bin')])
})

test.each([
  ['nothing is installed', undefined],
  ['a package is missing', {}],
  ['a package has another version', { 'node_modules/x': { version: '0.9.0' } }],
])('when %s it says so, runs npm ci, and goes on', (_, packages) => {
  if (packages) install(packages)
  else rmSync(join(folder, 'node_modules'), { recursive: true })
  program('npm', 'echo "npm $*"')
  const { status, stdout, stderr } = bootstrap('sh', '-c', 'echo ran')
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'ran\n' })
  expect(stderr).toMatch(/installing the npm dependencies[\s\S]*npm ci/)
})

test('when npm ci fails it stops', () => {
  install({})
  program('npm', 'exit 1')
  expect(bootstrap('sh', '-c', 'echo ran')).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringContaining('npm ci failed'),
  })
})

test('a software TPM that is there is enough, whoever installed it', () => {
  for (const name of ['swtpm', 'swtpm_setup', 'swtpm_localca']) program(name, '')
  expect(bootstrap('--swtpm', 'sh', '-c', 'echo ran')).toMatchObject({ status: 0, stdout: 'ran\n', stderr: '' })
})

asRoot('as root on Debian it installs the software TPM by apt-get, and says so (needs root)', () => {
  const make = ['swtpm', 'swtpm_setup', 'swtpm_localca'].map((name) => `echo > ${programs}/${name}`).join('; ')
  // The first try fails as it does with stale package lists.
  program(
    'apt-get',
    `case "$*" in *update*) echo > ${folder}/lists;; *install*) [ -e ${folder}/lists ] || exit 100; ${make}; /bin/chmod +x ${programs}/swtpm*;; esac`,
  )
  const { status, stdout, stderr } = bootstrap('--swtpm', 'sh', '-c', 'echo ran')
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'ran\n' })
  expect(stderr).toContain('apt-get install -y --no-install-recommends swtpm swtpm-tools')
})

asRoot('when apt-get cannot install it, it stops with the command to type (needs root)', () => {
  program('apt-get', 'echo "E: Unable to locate package swtpm" >&2; exit 100')
  const { status, stderr } = bootstrap('--swtpm', 'sh', '-c', 'echo ran')
  expect(status).toBe(1)
  expect(stderr).toContain('Unable to locate package')
  expect(stderr).toContain('apt-get update && apt-get install -y --no-install-recommends swtpm swtpm-tools')
})

asRoot('not as root, it stops with the exact command to type (needs root)', () => {
  program('apt-get', 'exit 1')
  chmodSync(folder, 0o755)
  const env = { PATH: programs }
  const options = { env, encoding: 'utf8', uid: 65534, gid: 65534 } as const
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'run.mjs'), '--swtpm', 'sh'], options)
  expect(status).toBe(1)
  expect(stderr).toContain('sudo apt-get update && sudo apt-get install -y --no-install-recommends swtpm swtpm-tools')
})

test('without apt-get it stops and says what to install', () => {
  const { status, stderr } = bootstrap('--swtpm', 'sh')
  expect(status).toBe(1)
  expect(stderr).toContain('swtpm-tools')
})

test('signals reach the command', async () => {
  const script = 'trap "echo caught; exit 9" TERM; echo ready; while :; do /bin/sleep 0.1; done'
  const child = spawn(process.execPath, [join(folder, 'run.mjs'), 'sh', '-c', script], { env: { PATH: programs } })
  let output = ''
  child.stdout.on('data', (part) => {
    output += part
    if (`${part}`.includes('ready')) child.kill('SIGTERM')
  })
  expect(await new Promise((resolve) => child.once('close', resolve))).toBe(9)
  expect(output).toBe('ready\ncaught\n')
})

test('a command that does not exist is an error, and no command is a help text', () => {
  expect(bootstrap('no-such-program')).toMatchObject({ status: 1, stderr: expect.stringContaining('no-such-program') })
  expect(bootstrap()).toMatchObject({ status: 0, stdout: expect.stringContaining('npm start') })
})

test('when npm is killed outright the command ends, although the shell between them stays', async () => {
  const command = `'${process.execPath}' '${join(folder, 'run.mjs')}' sh -c 'echo $$; exec sleep 1000'; true`
  const npm = `require('node:child_process').spawn('/bin/sh', ['-c', process.argv[1]], { stdio: 'inherit' })`
  const env = { PATH: `${programs}:/bin`, npm_lifecycle_event: 'start' }
  const child = spawn(process.execPath, ['-e', npm, command], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await vi.waitFor(() => expect(() => process.kill(Number(line), 0)).toThrow(), { timeout: 50_000 })
})
