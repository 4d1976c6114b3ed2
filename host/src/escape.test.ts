import { copyFile, link, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from './limits.ts'
import { type Isolation, prepareSandboxCode } from './sandbox-code.ts'
import { SandboxProcess } from './sandbox-process.ts'
import { echo } from './testing/build-module.ts'
import { ask, image, openHost } from './testing/open-host.ts'

/** What code that broke out of WebAssembly would try next. Each must be refused. */
const ATTEMPTS: Record<string, string> = {
  'read a file': "(await import('node:fs')).readFileSync('/etc/hostname')",
  'read through another way in': "(await import('node:fs/promises')).open('/etc/hostname')",
  'list a directory': "(await import('node:fs')).readdirSync('/')",
  'write a file': "(await import('node:fs')).writeFileSync(TARGET, 'x')",
  'write into its own directory': "(await import('node:fs')).writeFileSync('x', 'x')",
  'read its memory map': "(await import('node:fs')).readFileSync('/proc/self/maps')",
  'open a database': "new (await import('node:sqlite')).DatabaseSync(TARGET)",
  connect:
    "new Promise((resolve, reject) => net.connect(PORT, '127.0.0.1').on('error', reject).on('connect', resolve))",
  'connect to a unix socket':
    "new Promise((resolve, reject) => net.connect('/run/x').on('error', reject).on('connect', resolve))",
  fetch: "fetch('http://127.0.0.1:PORT')",
  'look up a name': "(await import('node:dns/promises')).lookup('localhost')",
  'send a datagram':
    "new Promise((resolve, reject) => { const s = dgram.createSocket('udp4'); s.on('error', reject); s.send('x', PORT, '127.0.0.1', (e) => e ? reject(e) : resolve()) })",
  'spawn a process': "spawned((await import('node:child_process')).spawn('/bin/true'))",
  'make a worker': "new (await import('node:worker_threads')).Worker('1', { eval: true })",
  'use WASI': "new (await import('node:wasi')).WASI({ version: 'preview1', preopens: { '/': '/' } })",
  'load an addon': "process.dlopen({ exports: {} }, '/x.node')",
  'call foreign functions': "await import('node:ffi')",
  'reach internals': "process.binding('fs')",
  'open the inspector': "(await import('node:inspector')).open(0)",
  'write a report': 'process.report.writeReport(TARGET)',
  'write a heap snapshot': "(await import('node:v8')).writeHeapSnapshot(TARGET)",
  'make code from a text': "new Function('return 1')()",
  'change a prototype': '({}).__proto__',
}

const PROBE = `
import net, { Socket } from 'node:net'
import dgram from 'node:dgram'
const [TARGET, PORT] = TARGET_AND_PORT
const pipe = new Socket({ fd: 3 })
const send = (type, text) => { const body = Buffer.from(text); const f = Buffer.alloc(9 + body.length); f.writeUInt32LE(5 + body.length, 0); f[4] = type; body.copy(f, 9); pipe.write(f) }
const spawned = (child) => new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve))
send(16, '')
process.on('uncaughtException', () => {})
const found = {}
const attempts = ATTEMPTS
for (const [name, attempt] of Object.entries(attempts)) {
  try { await attempt(); found[name] = 'done' } catch (error) { found[name] = 'refused: ' + (error?.cause?.code ?? error?.code ?? error?.name) }
}
for (const signal of SIGNALS) try { process.kill(process.ppid, signal); found['signal the parent ' + signal] = 'done' } catch (error) { found['signal the parent ' + signal] = 'refused: ' + error.code }
send(20, JSON.stringify({ found, environment: process.env, uid: process.getuid(), groups: process.getgroups(), cwd: process.cwd(), own: (await import('node:fs')).readdirSync('.') }))
`

interface Findings {
  found: Record<string, string>
  environment: Record<string, string>
  uid: number
  groups: number[]
  cwd: string
  own: string[]
}

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-escape-'))
})
afterAll(() => rm(directory, { recursive: true }))

async function probe(isolation: Isolation): Promise<Findings> {
  const entry = join(directory, `probe-${isolation}.mjs`)
  const attempts = Object.entries(ATTEMPTS).map(([name, code]) => `${JSON.stringify(name)}: async () => ${code}`)
  const target = JSON.stringify([join(tmpdir(), `teapot-escaped-${process.pid}`), 9])
  // At the lower level the signals would reach the test itself.
  const signals = isolation === 'user' ? "[0, 'SIGUSR1']" : '[]'
  const filled = PROBE.replace('TARGET_AND_PORT', target).replace('SIGNALS', signals)
  await writeFile(entry, filled.replace('ATTEMPTS', `{ ${attempts.join(',\n')} }`))
  await using code = await prepareSandboxCode({ nodePath: process.execPath, sandboxEntry: entry, isolation })
  const sandbox = new SandboxProcess(code, { ...DEFAULT_LIMITS, textBytes: 1 << 16 })
  const said = Promise.withResolvers<string>()
  sandbox.onFrame = (_type, _id, body) => said.resolve(body.toString())
  sandbox.onLost = ({ text }) => said.reject(new Error(text))
  try {
    return JSON.parse(await said.promise) as Findings
  } finally {
    sandbox.kill()
    await sandbox.exited
  }
}

describe.each<Isolation>(['process', 'user'])('isolation %s', (isolation) => {
  const skip = isolation === 'user' && process.getuid?.() !== 0
  let findings: Findings
  beforeAll(async () => {
    if (!skip) findings = await probe(isolation)
  })

  test.skipIf(skip)('Code inside a sandbox can do none of what it might try', () => {
    const attempts = Object.entries(findings.found).filter(([name]) => !name.startsWith('signal'))
    expect(attempts).toHaveLength(Object.keys(ATTEMPTS).length)
    for (const [name, outcome] of attempts) expect(outcome, name).toMatch(/^refused/)
  })

  test.skipIf(skip)('It finds an empty environment and its own code, and nothing more', () => {
    expect(findings.environment).toEqual({})
    expect(findings.own.sort()).toEqual(['package.json', `probe-${isolation}.mjs`])
  })

  test.skipIf(isolation === 'process' || skip)('Under its own uid it can not signal the host', () => {
    expect(findings.uid).toBeGreaterThanOrEqual(62_000)
    expect(findings.groups.filter((group) => group !== findings.uid)).toEqual([])
    for (const signal of ['0', 'SIGUSR1']) expect(findings.found[`signal the parent ${signal}`]).toBe('refused: EPERM')
  })
})

test.skipIf(process.getuid?.() !== 0)(
  'A Node that only root can reach is made available to the uid of the sandboxes',
  async () => {
    const nodePath = join(directory, 'node')
    await link(process.execPath, nodePath).catch(() => copyFile(process.execPath, nodePath))
    await using host = await openHost({ nodePath, isolation: 'user' })
    expect(host.isolation).toBe('user')
  },
)

test('The sandbox bundles into one file, and runs from it alone', async () => {
  const outfile = join(directory, 'sandbox.mjs')
  await build({
    entryPoints: [new URL('./sandbox/main.ts', import.meta.url).pathname],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    outfile,
  })
  expect((await readFile(outfile)).length).toBeLessThan(64 << 10)
  await using host = await openHost({ sandboxEntry: outfile, limits: { deadlineMs: 20_000 } })
  await host.load(image('echo', echo))
  expect(await ask(host, 'echo', 'hello')).toBe('hello')
  expect(host.isolation).toBe(process.getuid?.() === 0 ? 'user' : 'process')
})
