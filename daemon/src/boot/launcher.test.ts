import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { digestOf, PCR_R, parseEventLog, replayEventLog, toHex } from '@teapot-network/trust'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readPcrs } from '../tpm/pcrs.ts'
import { createSwtpm, type Swtpm } from '../tpm/swtpm.fixture.ts'
import { createTpm } from '../tpm/tpm.ts'
import { buildImage } from './build-image.ts'
import { openEventLog } from './event-log.ts'
import { launcherEntry, type MeasuredImage, measureImage, NODE_FILE, placeNode, referenceValue } from './image.ts'

let swtpm: Swtpm
let folder: string
let image: MeasuredImage
const children: ChildProcess[] = []
const path = (...parts: string[]): string => join(folder, ...parts)

beforeAll(async () => {
  swtpm = await createSwtpm()
  folder = await mkdtemp(join(tmpdir(), 'teapot-launch-'))
  const file = {
    name: 'box',
    dataDir: path('data'),
    imageDir: path('image'),
    runDir: path('run'),
    eventLog: path('data', 'event-log.cel'),
    tpm: { socket: swtpm.socket },
  }
  await mkdir(path('data'))
  await writeFile(path('machine.json'), JSON.stringify(file))
  image = await buildImage({
    outDir: path('built'),
    entries: { 'launcher.mjs': 'daemon/src/boot/launcher.ts', 'daemon.mjs': 'daemon/src/boot/daemon.fixture.ts' },
    settings: { example: true },
  })
})
beforeEach(async () => {
  await rm(path('image'), { recursive: true, force: true })
  await cp(path('built'), path('image'), { recursive: true, filter: (from) => from !== path('built', NODE_FILE) })
  await placeNode(path('built', NODE_FILE), path('image'))
  await rm(path('data', 'started.json'), { force: true })
})
afterEach(() => Promise.all(children.splice(0).map(stop)))
afterAll(async () => {
  await swtpm?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** What firmware does: resets the TPM, begins a log, and measures the launcher that is there. */
async function powerOn(): Promise<void> {
  await swtpm.kill('SIGTERM')
  await swtpm.start()
  await rm(path('data', 'event-log.cel'), { force: true })
  await using tpm = createTpm({ socket: swtpm.socket })
  await using log = await openEventLog(path('data', 'event-log.cel'), tpm)
  await log.measure(launcherEntry(digestOf(await readFile(path('image', 'launcher.mjs'))), image.node))
}

async function moveNode(): Promise<void> {
  await rm(path('elsewhere'), { force: true })
  await rename(path('image', 'node'), path('elsewhere'))
  await symlink(path('elsewhere'), path('image', 'node'))
}

/** Runs the launcher and gives its report; its process is the daemon's when it succeeds. */
async function launch(): Promise<{ report: { measured?: boolean; error?: { code: string } }; child: ChildProcess }> {
  const child = spawn(path('image', 'node'), [path('image', 'launcher.mjs'), path('machine.json'), '3'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '--no-warnings', NODE_EXTRA_CA_CERTS: '/evil', SECRET: 'secret' },
  })
  children.push(child)
  return { report: JSON.parse(await text(child.stdio[3] as Readable)), child }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await ended(child)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

async function readR(): Promise<string> {
  await using tpm = createTpm({ socket: swtpm.socket })
  return toHex((await readPcrs(tpm)).get(PCR_R)!)
}

/** What the stand-in daemon told of itself. */
async function started(): Promise<{ pid: number; argv: string[]; execArgv: string[]; env: object; cwd: string }> {
  const file = path('data', 'started.json')
  await expect.poll(() => existsSync(file)).toBe(true)
  return JSON.parse(await readFile(file, 'utf8'))
}

describe('a launch', () => {
  test('leaves the reference value of its image in R, and a log that replays to it', async () => {
    await powerOn()
    const { report } = await launch()
    expect(report.measured).toBe(true)
    const { r } = replayEventLog(parseEventLog(await readFile(path('data', 'event-log.cel'))))
    expect([await readR(), r]).toEqual([referenceValue(image), referenceValue(image)])
  })

  test('becomes the daemon: the same process, the flags of the image, and an environment without anything of ours', async () => {
    await powerOn()
    const { child } = await launch()
    const daemon = await started()
    expect(daemon.pid).toBe(child.pid)
    expect(daemon.execArgv).toEqual(image.flags)
    expect(daemon.execArgv).toContain('--disable-sigusr1')
    expect(Object.keys(daemon.env).sort()).toEqual(['OPENSSL_CONF', 'PATH'])
    expect((await stat(`/proc/${child.pid}/exe`)).ino).toBe((await stat(path('image', 'node'))).ino)
  })

  test('tidies up what earlier ones left, and touches nothing that a link leads to', async () => {
    await powerOn()
    await mkdir(path('run', 'image-before'), { recursive: true, mode: 0o555 })
    await writeFile(path('secret'), '', { mode: 0o600 })
    await chmod(path('secret'), 0o600)
    await symlink(path('secret'), path('run', 'image-link'))
    await launch()
    expect((await readdir(path('run'))).filter((name) => /before|link/.test(name))).toEqual([])
    expect((await stat(path('secret'))).mode & 0o777).toBe(0o600)
  })

  test('runs the bytes that it hashed, from a folder of its own that nobody writes to', async () => {
    await powerOn()
    await launch()
    const { argv, cwd } = await started()
    expect(argv.slice(0, 2)).toEqual([join(cwd, 'node'), join(cwd, 'daemon.mjs')])
    expect(cwd.startsWith(path('run', 'image-'))).toBe(true)
    expect((await stat(cwd)).mode & 0o222).toBe(0)
    expect(digestOf(await readFile(argv[1]!))).toBe(image.files['daemon.mjs'])
    expect(JSON.parse(await readFile(join(cwd, 'image.json'), 'utf8'))).toEqual(image)
  })
})

describe('R', () => {
  test('stays as it is when the same image starts again in one boot', async () => {
    await powerOn()
    await stop((await launch()).child)
    const { report } = await launch()
    expect(report.measured).toBe(false)
    expect(await readR()).toBe(referenceValue(image))
  })

  test.each<[string, string, (bytes: string) => string]>([
    ['one byte of the daemon', 'daemon.mjs', (bytes) => bytes.replace('1e3', '1e4').replace('1000', '1001')],
    ['one byte of the launcher', 'launcher.mjs', (bytes) => `${bytes} `],
    ['a flag', 'image.json', (bytes) => bytes.replace('"--no-addons",', '')],
    ['a setting', 'image.json', (bytes) => bytes.replace('"example": true', '"example": false')],
  ])('is another after a change of %s', async (_, name, alter) => {
    const before = await readFile(path('image', name), 'utf8')
    expect(alter(before)).not.toBe(before)
    await writeFile(path('image', name), alter(before))
    await powerOn()
    await launch()
    const altered = await measureImage(path('image'))
    expect(await readR()).toBe(referenceValue(altered))
    expect(referenceValue(altered)).not.toBe(referenceValue(image))
  })

  test('differs in its first entry when the launcher was patched, so that a patched launcher cannot hide', async () => {
    await powerOn()
    const genuine = await readR()
    await writeFile(path('image', 'launcher.mjs'), `${await readFile(path('image', 'launcher.mjs'), 'utf8')}//`)
    await powerOn()
    expect(await readR()).not.toBe(genuine)
  })
})

describe('the launcher refuses', () => {
  test('another image than this boot started, until a reboot', async () => {
    await powerOn()
    await stop((await launch()).child)
    await rm(path('data', 'started.json'), { force: true })
    await writeFile(path('image', 'daemon.mjs'), 'process.exit(7)')
    const { report, child } = await launch()
    expect(report.error?.code).toBe('boot/reboot-required')
    await ended(child)
    expect(child.exitCode).toBe(1)
    expect(await readR()).toBe(referenceValue(image))
    await powerOn()
    expect((await launch()).report.measured).toBe(true)
  })

  test('to run when no firmware measured it', async () => {
    await powerOn()
    await swtpm.kill('SIGTERM')
    await swtpm.start()
    await rm(path('data', 'event-log.cel'))
    expect((await launch()).report.error?.code).toBe('boot/no-launcher-entry')
  })

  test('a log that someone shortened', async () => {
    await powerOn()
    await stop((await launch()).child)
    await writeFile(path('data', 'event-log.cel'), '')
    expect((await launch()).report.error?.code).toBe('boot/log-mismatch')
  })

  test.each<[string, string, () => Promise<unknown>]>([
    ['an image without its daemon', 'boot/bad-image', () => rm(path('image', 'daemon.mjs'))],
    ['an image whose Node lies elsewhere, where it may be replaced', 'boot/bad-image', () => moveNode()],
    ['an image without its description', 'boot/bad-image', () => rm(path('image', 'image.json'))],
    ['a TPM that does not answer', 'tpm/unavailable', () => swtpm.kill('SIGTERM')],
  ])('%s', async (_, code, alter) => {
    await powerOn()
    await alter()
    const { report } = await launch()
    expect(report.error?.code).toBe(code)
    await swtpm.kill('SIGTERM')
    await swtpm.start()
  })

  test.each<[string, (file: Record<string, unknown>) => unknown]>([
    ['without an image', ({ imageDir: _, ...file }) => file],
    ['with a relative path', (file) => ({ ...file, runDir: 'run' })],
    ['without a TPM', (file) => ({ ...file, tpm: {} })],
    ['without a name', ({ name: _, ...file }) => file],
    ['that is no object', () => null],
  ])('a machine.json %s', async (_, alter) => {
    const good = await readFile(path('machine.json'), 'utf8')
    await writeFile(path('machine.json'), JSON.stringify(alter(JSON.parse(good))))
    try {
      expect((await launch()).report.error?.code).toBe('boot/bad-machine-file')
    } finally {
      await writeFile(path('machine.json'), good)
    }
  })
})
