import { existsSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createConfinement } from '@teapot-network/host'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DaemonServices } from './provider.ts'
import type { ProviderSupervisor } from './supervisor.ts'
import { ask, askBytes, isRefused, openWorkbench, refusal, type Workbench } from './testing/open-providers.fixture.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench[Symbol.asyncDispose]())

/** A provider module out of the source of its operation. */
function module(name: string, body: string) {
  return (more = {}) => bench.image(name, { bytes: Buffer.from(body), ...more })
}
const serving = (invoke: string, capability = 'test:odd') =>
  `export default ({ dataDirectory, operator, daemon }) => ({ capabilities: { '${capability}': { Run: ${invoke} } } })`
const run = (supervisor: ProviderSupervisor, payload: unknown = {}, asked = {}) =>
  ask(supervisor, 'Run', payload, { capability: 'test:odd', ...asked })
const runText = async (supervisor: ProviderSupervisor, asked = {}) =>
  Buffer.from(await askBytes(supervisor, 'Run', {}, { capability: 'test:odd', ...asked })).toString()

const ATTEMPTS = {
  own: "(await import('node:fs')).writeFileSync(dataDirectory + '/x', '1')",
  read: "(await import('node:fs')).readFileSync('/etc/hostname')",
  neighbour: "(await import('node:fs')).readdirSync(dataDirectory + '/..')",
  write: "(await import('node:fs')).writeFileSync('/tmp/teapot-escaped', '1')",
  database: "new (await import('node:sqlite')).DatabaseSync(dataDirectory + '/x.sqlite')",
  spawn: "(await import('node:child_process')).spawnSync('/bin/true')",
  connect: `await new Promise((done, fail) => process.getBuiltinModule('node:net').connect(9, '127.0.0.1')
    .on('error', (error) => (error.code === 'ECONNREFUSED' ? done() : fail(error))))`,
  worker: "new (await import('node:worker_threads')).Worker('1', { eval: true })",
  environment: "if (Object.keys(process.env).every((name) => name === 'PWD')) throw new Error('empty')",
  block: "await daemon.putBlock(Buffer.from('x'))",
  actor: "await daemon.callActor('greeter', 'Run', Buffer.from('x'))",
}

const CAN: [grants: string[], can: string[]][] = [
  [[], ['own']],
  [['node:sqlite'], ['own', 'database']],
  [['net'], ['own', 'connect']],
  [['content'], ['own', 'block']],
  [['actors'], ['own', 'actor']],
]
const AT_LEVELS = (['process', 'best'] as const).flatMap((isolation) =>
  CAN.map(([grants, can]) => ({ isolation, grants, can })),
)

test.each(AT_LEVELS)(
  'A provider that was granted $grants can do no more than $can, at the level $isolation',
  async ({ isolation, grants, can }) => {
    await using confinement = await createConfinement({ nodePath: process.execPath, isolation })
    const tried = Object.entries(ATTEMPTS).map(([name, code]) => `try { ${code}; done.push('${name}') } catch {}`)
    const confined = module(
      'confined',
      serving(`async () => { const done = []; ${tried.join('\n')}; return Buffer.from(JSON.stringify(done)) }`),
    )
    await using supervisor = bench.supervise({
      confinement,
      services: {
        putBlock: async () => 'bafkx',
        getBlock: async () => new Uint8Array(0),
        dropBlock: async () => {},
        callActor: async (_actor, _operation, payload) => payload,
      },
    })
    await supervisor.load(confined({ grants }))
    expect(JSON.parse(await runText(supervisor))).toEqual(can)
  },
)

test('A provider that fails, answers too much or breaks the protocol fails the call alone', async () => {
  const odd = module(
    'odd',
    serving(`async ({ payload }) => {
      const what = payload[0]
      if (what === 1) throw new Error('no tea')
      if (what === 2) return Buffer.alloc((1 << 20) + 1)
      if (what === 3) (await import('node:fs')).writeSync(3, 'HTTP/1.1 200 OK and more')
      if (what === 4) process.exit(3)
      if (what === 5) throw Object.assign(new Error('later'), { code: 'provider/busy', kind: 'unavailable' })
      if (what === 6) throw Object.assign(new Error('odd'), { code: 'provider/odd', kind: 'lie' })
      return payload
    }`),
  )
  await using supervisor = bench.supervise()
  await supervisor.load(odd())
  const cases = [
    [1, 'provider/failed', 'fault'],
    [2, 'provider/response-too-large', 'refused'],
    [3, 'provider/bad-frame', 'unavailable'],
    [4, 'provider/lost', 'unavailable'],
    [5, 'provider/busy', 'unavailable'],
    [6, 'provider/odd', 'fault'],
  ] as const
  for (const [what, code, kind] of cases) {
    await isRefused(run(supervisor, Uint8Array.of(what)), { code, kind }, `${what}`)
    expect(await run(supervisor, { tea: what }), `after ${what}`).toEqual({ tea: what })
  }
})

test('A provider that is stuck is ended at the deadline of a call, and goes on; it has so many calls at a time', async () => {
  const stuck = module(
    'stuck',
    serving(`({ payload }) => {
      if (payload[0] === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      return payload
    }`),
  )
  await using supervisor = bench.supervise({ limits: { callMs: 1_000, calls: 1 } })
  await supervisor.load(stuck())
  const both = await Promise.all([1, 1].map((what) => refusal(run(supervisor, Uint8Array.of(what)))))
  expect(both).toMatchObject([
    { code: 'provider/deadline', kind: 'unavailable' },
    { code: 'provider/overloaded', kind: 'unavailable' },
  ])
  // A call may well take a second of a slow machine.
  await expect.poll(() => run(supervisor, { tea: 1 }).catch(() => undefined)).toEqual({ tea: 1 })
  expect(supervisor.list()[0]!.restarts).toBeGreaterThan(0)
})

test('A module that is none, does not start, or claims to serve nonsense is refused with what it said', async () => {
  await using supervisor = bench.supervise()
  const broken = module('broken', "throw new Error('no tea today')")
  await isRefused(supervisor.load(broken()), {
    code: 'provider/does-not-start',
    message: expect.stringMatching(/no tea today/),
  })
  for (const source of ['', serving('() => 1', 'no capability'), 'export default () => ({ capabilities: {} })'])
    await isRefused(supervisor.load(module('empty', source)()), 'provider/does-not-start')
  // It has no file, hence nothing beside it.
  writeFileSync(bench.file('beside'), '')
  const importing = `import '${bench.file('beside')}'\n${serving('() => 1')}`
  await isRefused(supervisor.load(module('importing', importing)()), 'provider/does-not-start')
  await using brisk = bench.supervise({ limits: { startMs: 100 } })
  await isRefused(brisk.load(module('silent', 'await new Promise(() => {})')()), 'provider/does-not-start')
  await isRefused(supervisor.load(bench.image('provider', { name: '../up' })), 'provider/bad-name')
  expect(supervisor.list()).toEqual([])
})

test('Each start is one of the bytes that were measured, whatever the owner of the machine puts in the place of files', async () => {
  const dataDirectory = mkdtempSync(join(bench.folder, 'owned-'))
  await using supervisor = bench.supervise({ dataDirectory })
  const saying = (text: string) =>
    serving(`({ payload }) => payload[0] === 1 ? process.exit() : Buffer.from('${text}')`)
  await supervisor.load(module('measured', saying('measured'))())
  for (const path of readdirSync(dataDirectory, { recursive: true }).map((name) => join(dataDirectory, `${name}`)))
    if (statSync(path).isFile()) writeFileSync(path, saying('forged'))
  await isRefused(run(supervisor, Uint8Array.of(1)), 'provider/lost')
  expect(await runText(supervisor)).toBe('measured')
})

test('A newer version takes over while calls run, and an older one is refused', async () => {
  const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const callActor = async (_actor: string, _operation: string, payload: Uint8Array) => {
    begun.resolve()
    await end.promise
    return payload
  }
  await using supervisor = bench.supervise({ services: { callActor } as Partial<DaemonServices> as DaemonServices })
  const slow = (more = {}) =>
    module(
      'slow',
      serving("({ payload }) => daemon.callActor('greeter', 'Wait', payload)"),
    )({ grants: ['actors'], ...more })
  const quick = module('quick', serving('() => new Uint8Array([0xa2, 0x76, 0x32])'))
  await supervisor.load(slow({ name: 'swap' }))
  const underWay = run(supervisor, { still: 'old' })
  await begun.promise
  await supervisor.load(quick({ name: 'swap', version: 2, digest: 'two' }))
  expect(await run(supervisor)).toBe('v2')
  end.resolve()
  expect(await underWay).toEqual({ still: 'old' })
  await isRefused(supervisor.load(slow({ name: 'swap' })), 'provider/version-rollback')
  await supervisor.unload('swap')
  await isRefused(run(supervisor), 'provider/unknown-capability')
})

test('Versions that are loaded at once come after one another, and one on its way when all ends does not stay', async () => {
  const supervisor = bench.supervise()
  const told = module('told', serving("() => Buffer.from('up')"))
  const [newer, older] = [told({ version: 2 }), told()].map((image) => supervisor.load(image))
  await newer
  await isRefused(older!, 'provider/version-rollback')
  expect(await runText(supervisor)).toBe('up')
  const late = supervisor.load(told({ version: 3 }))
  await new Promise(setImmediate)
  await supervisor[Symbol.asyncDispose]()
  await late
  expect(supervisor.list()).toEqual([])
  await isRefused(supervisor.load(told({ version: 4 })), 'provider/lost')
})

test('Of several providers for one capability a binding picks by name, and the first loaded to serve all is the default', async () => {
  await using supervisor = bench.supervise()
  await supervisor.load(module('named', serving("() => Buffer.from('named')"))({ grants: ['by-name'] }))
  await isRefused(run(supervisor), 'provider/unknown-capability')
  expect(await runText(supervisor, { provider: 'named' })).toBe('named')
  for (const name of ['first', 'second']) await supervisor.load(module(name, serving(`() => Buffer.from('${name}')`))())
  await supervisor.load(module('other', serving("() => Buffer.from('')", 'test:other'))())
  expect(await runText(supervisor)).toBe('first')
  expect(await runText(supervisor, { provider: 'second' })).toBe('second')
  for (const provider of ['other', 'third', ''])
    await isRefused(run(supervisor, {}, { provider }), {
      code: 'provider/unknown-capability',
      message: expect.stringMatching(/named, first, second/),
    })
  await supervisor.unload('first')
  expect(await runText(supervisor)).toBe('second')
})

test('A provider of several capabilities is told which was called, by whom, through which binding and with what settings', async () => {
  await using supervisor = bench.supervise({ operator: { faces: { size: 3 }, others: { size: 4 } } })
  const call = `async (call) => {
    const { actor, publisher, binding, capability, operation, settings } = call
    return Buffer.from(JSON.stringify({ actor, publisher, binding, capability, operation, settings, operator }))
  }`
  const faces = `export default ({ operator }) => ({ capabilities: {
    'wascc:odd': { Run: ${call} }, 'wasi:odd': { 'odd.run': ${call} } } })`
  await supervisor.load(module('faces', faces)())
  expect(supervisor.list()[0]!.capabilities).toEqual({ 'wascc:odd': ['Run'], 'wasi:odd': ['odd.run'] })
  const asked = { capability: 'wasi:odd', binding: '', settings: { a: 'ä' } }
  expect(JSON.parse(Buffer.from(await askBytes(supervisor, 'odd.run', {}, asked)).toString())).toEqual({
    ...{ actor: 'greeter', publisher: '0xa11ce', binding: 'default', capability: 'wasi:odd', operation: 'odd.run' },
    settings: { a: 'ä' },
    operator: { size: 3 },
  })
  await isRefused(ask(supervisor, 'Run', {}, asked), 'provider/unknown-operation')
  const settings = { long: 'x'.repeat(9_000) }
  await isRefused(ask(supervisor, 'odd.run', {}, { ...asked, settings }), 'provider/bad-settings')
})

test('A provider calls only actors that are bound to it or have called it, and hears what the daemon says', async () => {
  const called: unknown[] = []
  const relay = `async ({ payload }) => {
    const [actor, operation] = Buffer.from(payload).toString().split(' ')
    try { return await daemon.callActor(actor, operation, Buffer.from('hello')) }
    catch (error) { return Buffer.from(error.code) }
  }`
  const refused = Object.assign(new Error('too late'), { code: 'host/deadline' })
  await using supervisor = bench.supervise({
    services: {
      putBlock: () => Promise.reject(refused),
      getBlock: () => Promise.reject(refused),
      dropBlock: () => Promise.reject(refused),
      callActor: async (actor, operation, payload) => {
        called.push([actor, operation, Buffer.from(payload).toString()])
        if (operation === 'Fail') throw refused
        return Buffer.from('hi')
      },
    },
  })
  await supervisor.load(module('relay', serving(relay))({ grants: ['actors'] }))
  const say = async (text: string) =>
    Buffer.from(await askBytes(supervisor, 'Run', Buffer.from(text), { capability: 'test:odd' })).toString()
  expect(await say('greeter Hear')).toBe('hi')
  expect(await say('greeter Fail')).toBe('host/deadline')
  expect(await say('other Hear')).toBe('provider/service-denied')
  const other = { name: 'other', publisher: '0xb0b' }
  supervisor.bind(other, [{ name: 'default', capability: 'test:elsewhere' }])
  expect(await say('other Hear')).toBe('provider/service-denied')
  supervisor.bind(other, [{ name: 'default', capability: 'test:odd' }])
  expect(await say('other Hear')).toBe('hi')
  supervisor.bind(other, [])
  expect(await say('other Hear')).toBe('provider/service-denied')
  expect(called).toEqual([
    ['greeter', 'Hear', 'hello'],
    ['greeter', 'Fail', 'hello'],
    ['other', 'Hear', 'hello'],
  ])
})

test('Bindings are told before the first call, with each change, and again to a process that was restarted', async () => {
  const source = `export default () => {
    const told = {}
    return {
      capabilities: { 'test:odd': { Run: () => Buffer.from(JSON.stringify(told)), Exit: () => process.exit(1) } },
      bind: (actor, publisher, bindings) => { told[actor] = [publisher, ...bindings] },
    }
  }`
  await using supervisor = bench.supervise()
  const early = { name: 'early', publisher: '0xa' }
  supervisor.bind(early, [{ name: 'b', capability: 'test:odd', settings: { subscribe: '>' } }])
  await supervisor.load(module('bound', source)())
  const bound = { name: 'b', capability: 'test:odd', settings: { subscribe: '>' } }
  const told = async () => JSON.parse(await runText(supervisor))
  expect(await told()).toEqual({ early: ['0xa', bound] })
  supervisor.bind({ name: 'late', publisher: '0xb' }, [
    { name: '', capability: 'test:odd' },
    { name: 'x', capability: 'test:none' },
    { name: 'y', capability: 'test:odd', provider: 'another' },
  ])
  const late = ['0xb', { name: 'default', capability: 'test:odd', settings: {} }]
  expect(await told()).toEqual({ early: ['0xa', bound], late })
  supervisor.bind(early, [])
  expect(await told()).toEqual({ early: ['0xa'], late })
  await expect(ask(supervisor, 'Exit', {}, { capability: 'test:odd' })).rejects.toMatchObject({ code: 'provider/lost' })
  expect(await told()).toEqual({ late })
})

test('A provider that nobody calls gives its process back, and the next call starts another; one that acts by itself stays', async () => {
  await using supervisor = bench.supervise({ limits: { idleMs: 100 } })
  const counting = `export default () => {
    let calls = 0
    const wait = () => new Promise((done) => setTimeout(() => done(Buffer.from('late')), 400))
    return { capabilities: { 'test:odd': { Run: () => Buffer.from(String(++calls)), Wait: wait } } }
  }`
  await supervisor.load(module('acting', serving("() => Buffer.from('')", 'test:other'))({ grants: ['actors'] }))
  await supervisor.load(module('resting', counting)())
  const pids = () => supervisor.list().map(({ pid }) => pid)
  // It has just come up, and no timer had a turn since.
  const [acting, first] = pids()
  expect(first).toBeGreaterThan(0)
  expect(await askBytes(supervisor, 'Wait', {}, { capability: 'test:odd' })).toEqual(Buffer.from('late'))
  await expect.poll(pids).toEqual([acting, undefined])
  await expect.poll(() => existsSync(`/proc/${first}`)).toBe(false)
  expect(await runText(supervisor)).toBe('1')
  expect(supervisor.list().map(({ restarts }) => restarts)).toEqual([0, 0])
})

test('A caller that gives up gets its own reason, and the provider is told', async () => {
  const source = `export default () => {
    let cancelled = 0
    const wait = ({ signal }) => new Promise((_, fail) => signal.addEventListener('abort', () => { cancelled++; fail(signal.reason) }))
    return { capabilities: { 'test:odd': { Run: () => Buffer.from(String(cancelled)), Wait: wait } } }
  }`
  await using supervisor = bench.supervise()
  await supervisor.load(module('patient', source)())
  const reason = new Error('tea is ready')
  const controller = new AbortController()
  const asked = ask(supervisor, 'Wait', {}, { capability: 'test:odd', signal: controller.signal })
  controller.abort(reason)
  await expect(asked).rejects.toBe(reason)
  await expect.poll(() => runText(supervisor)).toBe('1')
})

test('The pause before a restart doubles with each failure, and calls wait for it in the meantime', async () => {
  const restarts: number[] = []
  await using supervisor = bench.supervise({
    limits: { backoffMs: 100, maxBackoffMs: 600_000 },
    onRestart: () => restarts.push(performance.now()),
  })
  const mortal = module('mortal', serving("({ payload }) => (payload[0] === 1 ? process.exit(1) : Buffer.from('up'))"))
  await supervisor.load(mortal())
  const pauses: number[] = []
  for (let i = 0; i < 4; i++) {
    await refusal(run(supervisor, Uint8Array.of(1)))
    expect(await runText(supervisor)).toBe('up')
    pauses.push(performance.now() - restarts.at(-1)!)
  }
  expect(restarts).toHaveLength(4)
  for (const [i, pause] of pauses.entries()) expect(pause).toBeGreaterThanOrEqual(100 * 2 ** i - 5)
})
