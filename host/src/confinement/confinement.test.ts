import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { chmod, copyFile, link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { HostError } from '../host-error.ts'
import type { ConfinedProgram, Confinement } from './confined-program.ts'
import { createConfinement } from './confinement.ts'
import { ISOLATIONS, type Isolation, includesLevel } from './isolation.ts'
import { tryConfinement } from './trial.ts'
import { giveDirectories, releaseUid, takeUid } from './uids.ts'

const root = process.getuid?.() === 0
const levels = new Map<Isolation, Confinement>()
for (const isolation of ISOLATIONS)
  await createConfinement({ nodePath: process.execPath, isolation }).then(
    (confinement) => levels.set(isolation, confinement),
    () => {},
  )

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-confinement-'))
  await chmod(directory, 0o755)
})
afterAll(async () => {
  for (const confinement of levels.values()) await confinement[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

const READY =
  "import { Socket } from 'node:net'\nconst pipe = new Socket({ fd: 3 })\npipe.on('end', () => process.exit())\npipe.write('ready')\n"

/** Spins from the moment that it has said so. */
const SPIN = "import { writeSync } from 'node:fs'\nwriteSync(3, 'ready')\nfor (;;);\n"

/** Writes a program; it may read its own folder. */
async function program(name: string, code: string, more: Partial<ConfinedProgram> = {}): Promise<ConfinedProgram> {
  const folder = join(directory, name)
  await mkdir(folder, { recursive: true })
  const entry = join(folder, `${name}.mjs`)
  await writeFile(entry, code)
  return { entry, read: [folder], stdio: ['ignore', 'pipe', 'pipe', 'pipe'], ...more }
}

/** Runs a program to its end: what it said, and what it complained of. */
async function run(confinement: Confinement, what: ConfinedProgram): Promise<[said: string, complained: string]> {
  const child = confinement.spawn(what)
  child.stdio[3]?.on('error', () => {})
  return Promise.all([text(child.stdout!), text(child.stderr!)])
}

/** Control groups of this process. */
function groups(): string[] {
  const mounts = ['/sys/fs/cgroup', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/pids'].filter(existsSync)
  return mounts.flatMap((mount) => readdirSync(mount)).filter((name) => name.startsWith(`teapot-${process.pid}-`))
}

function running(entry: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(entry)
    } catch {
      return false
    }
  })
}

describe.each(ISOLATIONS)('isolation %s', (isolation) => {
  const confinement = levels.get(isolation)
  const possible = test.skipIf(confinement === undefined)

  possible('ends a program that spins when it is killed, and then says so', async () => {
    const spin = await program(`spin-${isolation}`, SPIN)
    const child = confinement!.spawn(spin)
    await once(child.stdio[3] as Socket, 'data')
    const pid = confinement!.pidOf(child)
    expect(pid).toBeDefined()
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    expect(child.kill('SIGKILL')).toBe(false)
  })

  possible('leaves nothing behind of a program that is killed while it starts', async () => {
    const short = await program(`short-${isolation}`, READY)
    // The first in the same turn, before anything of it can have started.
    for (let afterMs = -1; afterMs < 12; afterMs++) {
      const child = confinement!.spawn(short)
      child.stdio[3]?.on('error', () => {})
      if (afterMs >= 0) await sleep(afterMs)
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
    await expect.poll(() => running(short.entry)).toEqual([])
  })

  possible('ends a program whose parent was killed', async () => {
    const spin = await program(`orphan-${isolation}`, SPIN)
    const script = `
      import { createConfinement } from ${JSON.stringify(new URL('./confinement.ts', import.meta.url).href)}
      const confinement = await createConfinement({ nodePath: process.execPath, isolation: '${isolation}' })
      const child = confinement.spawn(${JSON.stringify(spin)})
      child.stdio[3].once('data', () => console.log('ready'))`
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(parent.stdout, 'data')
    expect(running(spin.entry)).not.toEqual([])
    parent.kill('SIGKILL')
    await expect.poll(() => running(spin.entry)).toEqual([])
  })

  possible('keeps nothing of a program that cannot be started', async () => {
    const held = () => readdirSync('/proc/self/fd').length
    const what = await program(`never-${isolation}`, READY)
    await run(confinement!, { ...what, stdio: ['ignore', 'pipe', 'pipe'] })
    const before = held()
    for (let i = 0; i < 8; i++) expect(() => confinement!.spawn({ ...what, args: ['\0'] })).toThrow(/null bytes/)
    expect(held()).toBeLessThan(before + 8)
    // The groups of those that did start go with them.
    await expect.poll(groups).toEqual([])
  })

  possible('says so when no file descriptors are left', async () => {
    const script = `
      import { openSync, closeSync } from 'node:fs'
      import { createConfinement } from ${JSON.stringify(new URL('./confinement.ts', import.meta.url).href)}
      const confinement = await createConfinement({ nodePath: process.execPath, isolation: '${isolation}' })
      const program = ${JSON.stringify(await program(`starved-${isolation}`, READY))}
      const held = []
      try { for (;;) held.push(openSync('/dev/null')) } catch {}
      let found = 'started'
      try { confinement.spawn(program) } catch (error) { found = error.code + ' ' + error.message }
      for (const file of held) closeSync(file)
      console.log(found)
      process.exit()`
    const limited = ['-c', 'ulimit -n 1100; exec "$@"', 'sh', process.execPath, '--input-type=module', '--eval', script]
    const child = spawn('/bin/sh', limited, { stdio: ['ignore', 'pipe', 'pipe'] })
    const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(said, complained).toMatch(/host\/sandbox-lost .*(no file descriptors left|EMFILE)/)
  })

  possible('does not open the inspector on a signal', async () => {
    // Under the permission model alone no inspector opens: the switch is tried without.
    const turns = `let turns = 0
      pipe.on('data', () => setInterval(() => { if (++turns === 25) pipe.write('over') }, 10))`
    const signalled = await program(`signal-${isolation}`, READY + turns, { allow: ['--allow-inspector'] })
    const child = confinement!.spawn(signalled)
    const complained = text(child.stderr!)
    const pipe = child.stdio[3] as Socket
    await once(pipe, 'data')
    process.kill(confinement!.pidOf(child)!, 'SIGUSR1')
    pipe.write('wait')
    // It has had its turns since: an inspector would have been told of.
    await once(pipe, 'data')
    child.kill('SIGKILL')
    expect(await complained).not.toMatch(/Debugger|inspector on/)
  })

  possible('holds a program to its memory, of any kind, and to its tasks', async () => {
    const hoard = `
      const held = []
      const most = { buffers: 0, pages: 0 }
      try { for (; most.buffers < 4096; most.buffers += 64) held.push(Buffer.alloc(64 << 20, ${isolation === 'cgroup' ? 1 : 0})) } catch { held.length = 0 }
      console.log(JSON.stringify(most))`
    const limited = await program(`hoard-${isolation}`, hoard, {
      memoryMegabytes: 512,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [said] = await run(confinement!, limited)
    // The kernel's count ends it, so that it says nothing.
    if (said !== '') expect(JSON.parse(said).buffers).toBeLessThan(1536)
    const grow = `
      const memory = new WebAssembly.Memory({ initial: 1 })
      try { for (;;) memory.grow(256) } catch {}
      console.log(memory.buffer.byteLength >> 20)`
    const pages = { nodeFlags: ['--wasm-max-mem-pages=1024'], stdio: ['ignore', 'pipe', 'pipe'] as const }
    expect(Number((await run(confinement!, await program(`grow-${isolation}`, grow, pages)))[0])).toBeLessThanOrEqual(
      64,
    )
    const heap = `const held = []\nfor (;;) held.push(Array(1000).fill({}))`
    const small = { nodeFlags: ['--max-old-space-size=32'], stdio: ['ignore', 'pipe', 'pipe'] as const }
    expect((await run(confinement!, await program(`heap-${isolation}`, heap, small)))[1]).toMatch(/heap/)
  })

  test.skipIf(confinement === undefined || !root || isolation === 'process')(
    'holds a program that may start others to a number of tasks',
    async () => {
      const fork = `
      import { spawn } from 'node:child_process'
      const started = []
      for (let i = 0; i < 200; i++) {
        const child = spawn('/bin/sleep', ['2']).on('error', () => {})
        if (child.pid === undefined) break
        started.push(child)
      }
      // Who else draws this uid must not wait for them.
      for (const child of started) child.kill('SIGKILL')
      console.log(started.length)
      process.exit()`
      const flags = { allow: ['--allow-child-process'], stdio: ['ignore', 'pipe', 'pipe'] as const }
      const [said] = await run(confinement!, await program(`fork-${isolation}`, fork, flags))
      expect(Number(said)).toBeLessThan(64)
    },
  )

  possible('grants a provider its network, its directory and its database, and nothing more', async () => {
    const data = join(directory, `data-${isolation}`)
    await mkdir(data)
    const server = createServer((socket) => socket.end('pong'))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const code = `
      import fs from 'node:fs'
      import net from 'node:net'
      import { DatabaseSync } from 'node:sqlite'
      const [data, port, elsewhere] = process.argv.slice(2)
      const found = {}
      const attempt = async (what, then) => { try { found[what] = await then() } catch (error) { found[what] = error.code } }
      await attempt('database', () => { const d = new DatabaseSync(data + '/d'); d.exec('pragma journal_mode=wal; create table if not exists t(x); insert into t values (1)'); return d.prepare('select count(*) n from t').get().n })
      await attempt('write', () => { fs.mkdirSync(data + '/m', { recursive: true }); fs.writeFileSync(data + '/m/a', 'x'); fs.renameSync(data + '/m/a', data + '/b'); return fs.readFileSync(data + '/b', 'utf8') })
      await attempt('connect', () => new Promise((resolve, reject) => net.connect(port, '127.0.0.1').on('error', reject).on('data', (chunk) => resolve(String(chunk)))))
      await attempt('look up', async () => (await import('node:dns/promises')).lookup('localhost', 4).then((it) => it.address))
      await attempt('write elsewhere', () => fs.writeFileSync(elsewhere, 'x'))
      await attempt('spawn', () => (import('node:child_process')).then((it) => it.execFileSync('/bin/true')))
      console.log(JSON.stringify(found))`
    const port = String((server.address() as { port: number }).port)
    const provider = await program(`provider-${isolation}`, code, {
      args: [data, port, join(directory, 'elsewhere')],
      ...{ write: [data], network: true, allow: ['--experimental-sqlite'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const rows of [1, 2]) {
      const [said, complained] = await run(confinement!, provider)
      expect(JSON.parse(said || JSON.stringify(complained))).toEqual({
        ...{ database: rows, write: 'x', connect: 'pong', 'look up': '127.0.0.1' },
        ...{ 'write elsewhere': 'ERR_ACCESS_DENIED', spawn: 'ERR_ACCESS_DENIED' },
      })
    }
    if (root && isolation !== 'process') expect(statSync(join(data, 'b')).uid).toBeGreaterThanOrEqual(64_500)
    server.close()
  })
})

test('The best level is one that the machine was seen to offer, and why it is no higher is told', async () => {
  const told: string[] = []
  await using best = await createConfinement({
    nodePath: process.execPath,
    isolation: 'best',
    onFallback: (why) => told.push(why),
  })
  const highest = ISOLATIONS.findLast((isolation) => levels.has(isolation))
  expect(best.isolation).toBe(highest)
  expect(best.reasons).toEqual(told)
  const above = ISOLATIONS.filter((isolation) => !includesLevel(best.isolation, isolation)).toReversed()
  expect(told.map((reason) => reason.split(':')[0])).toEqual(above)
  // Not asked of the code under test: whether bubblewrap and a change of uid work here.
  const works = (command: string, ...args: string[]) => spawnSync(command, [...args, '/bin/true']).status === 0
  if (works('bwrap', '--unshare-all', '--ro-bind', '/', '/'))
    expect(includesLevel(best.isolation, 'namespaces')).toBe(true)
  if (root && works('setpriv', '--reuid=62000', '--clear-groups')) expect(levels.has('user')).toBe(true)
})

test('A level that the machine does not offer is refused when it is demanded, and passed over otherwise', async () => {
  const nodePath = join(directory, 'no-node')
  await writeFile(nodePath, '#!/bin/sh\necho no tea today >&2\n')
  await chmod(nodePath, 0o755)
  for (const isolation of ['user', 'namespaces', 'cgroup'] as const)
    await expect(createConfinement({ nodePath, isolation })).rejects.toMatchObject({
      code: 'host/isolation-unavailable',
      message: expect.stringContaining(`level ${isolation}: Expected`),
    })
  await using best = await createConfinement({ nodePath, isolation: 'best' })
  expect(best.isolation).toBe('process')
  expect(best.reasons).toHaveLength(3)
  await expect(createConfinement({ nodePath, isolation: 'cosy' as Isolation })).rejects.toThrow(HostError)
})

test('A process that only claims a level is found out', async () => {
  const liar = (isolation: Isolation): Confinement => ({
    isolation,
    reasons: [],
    spawn: ({ entry, stdio }) => spawn(process.execPath, [entry], { stdio: [...stdio] }),
    pidOf: (child) => child.pid,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
  const found = (isolation: Isolation) => tryConfinement(liar(isolation), true, directory)
  await expect(found('user')).rejects.toThrow(/new privileges.*uid of its own/)
  await expect(found('namespaces')).rejects.toThrow(/namespaces of its own, a filter of system calls/)
  await expect(found('cgroup')).rejects.toThrow(/a control group/)
})

describe.runIf(levels.has('user'))('under a uid of its own (needs root)', () => {
  const user = levels.get('user')!

  test('A program gets what lies in its directory, and nothing that a link in it leads to', async () => {
    const [data, other] = [join(directory, 'linked'), join(directory, 'not-given')]
    for (const folder of [join(data, 'inner'), other]) await mkdir(folder, { recursive: true })
    for (const file of [join(data, 'inner', 'file'), join(other, 'file')]) await writeFile(file, '')
    await symlink(other, join(data, 'link'))
    const owner = giveDirectories([data])
    const ownerOf = (...names: string[]) => statSync(join(directory, ...names)).uid
    expect([ownerOf('linked'), ownerOf('linked', 'inner', 'file')]).toEqual([owner, owner])
    expect([ownerOf('not-given'), ownerOf('not-given', 'file')]).toEqual([0, 0])
  })

  test('A program that cannot be started leaves its uid to the next', async () => {
    const what = await program('no-uid', READY, { args: ['\0'] })
    // Beyond the range that others draw from.
    using random = vi.spyOn(Math, 'random').mockReturnValue(2)
    expect(() => user.spawn(what)).toThrow(/null bytes/)
    releaseUid(takeUid())
    expect(random).toHaveBeenCalledTimes(2)
  })

  test('A Node that only root can reach is made available', async () => {
    const closed = join(directory, 'closed')
    await mkdir(closed, { mode: 0o700 })
    const nodePath = join(closed, 'node')
    await link(process.execPath, nodePath).catch(() => copyFile(process.execPath, nodePath))
    await using confinement = await createConfinement({ nodePath, isolation: 'user' })
    expect(await run(confinement, await program('reached', "console.log('here')"))).toEqual(['here\n', ''])
  })

  test('A program with a path that only root can reach keeps its uid, and that is told', async () => {
    const data = join(directory, 'closed-data', 'data')
    await mkdir(data, { recursive: true })
    await chmod(join(directory, 'closed-data'), 0o700)
    const code = "import fs from 'node:fs'\nfs.writeFileSync(process.argv[2] + '/a', 'x')"
    await run(user, await program('closed-writer', code, { args: [data], write: [data] }))
    expect(await readFile(join(data, 'a'), 'utf8')).toBe('x')
    expect(user.reasons).toContainEqual(expect.stringContaining(data))
  })
})
