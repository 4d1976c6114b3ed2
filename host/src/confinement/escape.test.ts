import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ATTEMPTS, type Attempt, TRIED } from './attempts.fixture.ts'
import type { Confinement } from './confined-program.ts'
import { createConfinement } from './confinement.ts'
import { ISOLATIONS, type Isolation, includesLevel } from './isolation.ts'

/** Who has the sandbox: script, or machine code, for which Node's own confinement is gone. */
type Attacker = 'script' | 'native'

/** What gives the probe the means of machine code: every permission, and any system call by number. */
const NATIVE = [
  ...[
    '--allow-fs-read=*',
    '--allow-fs-write=*',
    '--allow-net',
    '--allow-child-process',
    '--allow-ffi',
    '--allow-inspector',
  ],
  '--experimental-ffi',
  '--experimental-sqlite',
  '--no-disallow-code-generation-from-strings',
]

/** Numbers on x86-64 and arm64 of calls that no honest sandbox makes (sources: ./system-calls.ts). */
const CALLS: Record<string, [number, number]> = {
  ...{ ptrace: [101, 117], setuid: [105, 146], prctl: [157, 167], io_uring_setup: [425, 425] },
  ...{ keyctl: [250, 219], memfd_create: [319, 279], setrlimit: [160, 164] },
}

const PROBE = `
import dgram from 'node:dgram'
import fs from 'node:fs'
import net from 'node:net'
import v8 from 'node:v8'
import { spawn } from 'node:child_process'
const { NAMES } = JSON.parse(process.argv[2])
const CALLS = ${JSON.stringify(CALLS)}
const ffi = await import('node:ffi').catch(() => undefined)
const i64 = Array(7).fill('i64')
const libc = process.argv[3] === 'native' && ffi.dlopen(null, {
  syscall: { arguments: i64, return: 'i64' }, __errno_location: { arguments: [], return: 'pointer' } }).functions
const rawPointer = (buffer) => ffi.getRawPointer(buffer)
function systemCall(name, ...args) {
  const number = CALLS[name][process.arch === 'x64' ? 0 : 1]
  if (libc.syscall(BigInt(number), ...[0, 1, 2, 3, 4, 5].map((at) => BigInt(args[at] ?? 0))) === -1n)
    throw Object.assign(new Error(name), { code: 'errno ' + ffi.getInt32(libc.__errno_location(), 0) })
}
// Without a limit on the size of files: 1 is RLIMIT_FSIZE.
const raiseLimit = () => libc && systemCall('setrlimit', 1, BigInt(rawPointer(Buffer.alloc(16, 0xff))))
let fail
process.on('uncaughtException', (error) => fail(error))
const found = {}
for (const [what, attempt] of Object.entries({ ATTEMPTS })) {
  const thrown = new Promise((_, reject) => { fail = reject })
  const late = new Promise((resolve) => setTimeout(resolve, 30_000, 'no answer'))
  try { found[what] = (await Promise.race([attempt(), thrown, late])) ?? 'done' }
  catch (error) { found[what] = 'refused: ' + (error?.cause?.code ?? error?.code ?? error?.message) }
}
const own = fs.readdirSync('.')
console.log(JSON.stringify({ found, own, environment: process.env, uid: process.getuid(), groups: process.getgroups() }))
process.exit()
`

interface Findings {
  readonly found: Record<string, string>
  readonly own: string[]
  readonly environment: Record<string, string>
  readonly uid: number
  readonly groups: number[]
}

const levels = new Map<Isolation, Confinement>()
for (const isolation of ISOLATIONS)
  await createConfinement({ nodePath: process.execPath, isolation }).then(
    (confinement) => levels.set(isolation, confinement),
    () => {},
  )
const root = process.getuid?.() === 0

let directory: string
let names: Record<string, unknown>
const server = createServer((socket) =>
  socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 204 No Content\r\n\r\n')),
)
const onPath = createServer((socket) => socket.on('error', () => {}))
const abstract = createServer((socket) => socket.on('error', () => {}))

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-escape-'))
  await chmod(directory, 0o755)
  const open = join(directory, 'open')
  await mkdir(open)
  await chmod(open, 0o777)
  await writeFile(join(open, 'file'), 'for anybody outside')
  const database = new DatabaseSync(join(open, 'database'))
  database.exec('create table t (x)')
  database.close()
  names = { DIRECTORY: open, FILE: join(open, 'file'), DATABASE: join(open, 'database'), PARENT: process.pid }
  names['ABSTRACT'] = `\0teapot-escape-${process.pid}`
  for (const [listener, at] of [
    [onPath, join(open, 'socket')],
    [abstract, names['ABSTRACT']],
    [server, 0],
  ] as const)
    await once(
      listener.listen(
        at === 0 ? { port: 0, host: '127.0.0.1' } : { path: String(at), writableAll: at !== names['ABSTRACT'] },
      ),
      'listening',
    )
  names['PORT'] = (server.address() as { port: number }).port
})
afterAll(async () => {
  for (const listener of [server, onPath, abstract]) listener.close()
  for (const confinement of levels.values()) await confinement[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function probe(confinement: Confinement, attacker: Attacker, attempts: readonly Attempt[]): Promise<Findings> {
  const folder = join(directory, `${confinement.isolation}-${attacker}`)
  await mkdir(folder, { recursive: true })
  const entry = join(folder, 'probe.mjs')
  const idle = join(folder, 'idle.mjs')
  const code = attempts.map(({ what, code }) => `${JSON.stringify(what)}: async () => { await (${code}) }`)
  const names_ = Object.keys(names).concat('NEIGHBOUR').join(', ')
  await writeFile(entry, PROBE.replace('ATTEMPTS', () => code.join(',\n')).replace('NAMES', names_))
  await writeFile(
    idle,
    "import { Socket } from 'node:net'\nnew Socket({ fd: 3 }).on('end', () => process.exit()).write('x')\n",
  )
  const neighbour = confinement.spawn({ entry: idle, read: [folder], stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  try {
    await once(neighbour.stdio[3] as Socket, 'data')
    const told = JSON.stringify({ ...names, NEIGHBOUR: confinement.pidOf(neighbour) })
    const child = confinement.spawn({
      entry,
      args: [told, attacker],
      read: [folder],
      nodeFlags: attacker === 'native' ? NATIVE : [],
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [said, complained] = await Promise.all([text(child.stdout!), text(child.stderr!)])
    if (said === '') throw new Error(`Expected findings, found ${complained}`)
    return JSON.parse(said) as Findings
  } finally {
    neighbour.kill('SIGKILL')
  }
}

describe.each(ISOLATIONS)('isolation %s', (isolation) => {
  const confinement = levels.get(isolation)
  const possible = test.skipIf(confinement === undefined)

  for (const attacker of ['script', 'native'] as const)
    possible(`stops what its table says of ${attacker === 'script' ? 'script' : 'machine code'}`, async () => {
      const attempts = ATTEMPTS.filter((attempt) => attempt[attacker] !== undefined)
      const { found } = await probe(confinement!, attacker, attempts)
      expect(Object.keys(found)).toHaveLength(attempts.length)
      for (const { what, sometimes, [attacker]: from } of attempts)
        if (from !== 'never' && includesLevel(isolation, from!)) expect(found[what], what).toMatch(/^refused/)
        // Where nothing stops it, it happens: so the probe tries what it says.
        else if (root && !sometimes) expect(found[what], what).toBe('done')
    })

  possible('gives a process an empty environment, its own code, and nothing more', async () => {
    const { environment, own, uid, groups } = await probe(confinement!, 'script', [])
    // bwrap tells the working directory.
    const { PWD: _, ...rest } = environment
    expect(rest).toEqual({})
    expect(own.sort()).toEqual(['idle.mjs', 'probe.mjs'])
    if (!root || isolation === 'process') return
    expect(uid).toBeGreaterThanOrEqual(62_000)
    expect(groups.filter((group) => group !== uid)).toEqual([])
  })
})

test('What the guide says of each level is what is tested', () => {
  expect(ATTEMPTS.map(({ what }) => what)).toEqual(TRIED)
  const levels = new Set<string | undefined>([...ISOLATIONS, 'never', undefined])
  for (const { what, script, native } of ATTEMPTS) expect(levels.has(script) && levels.has(native), what).toBe(true)
})
