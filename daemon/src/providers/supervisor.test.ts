import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decode, encode } from '@msgpack/msgpack'
import { TeapotError } from '@teapot-network/trust'
import { build } from 'esbuild'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createProviderSupervisor, type ProviderImage, type ProviderSupervisor } from './supervisor.ts'

/** The provider process and the provider modules, each bundled into one file as the runtime image has them. */
async function bundleProviders() {
  const directory = await mkdtemp(join(tmpdir(), 'teapot-providers-'))
  const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  const entryPoints = {
    provider: source('child.ts'),
    keyvalue: source('modules/keyvalue.ts'),
    logging: source('modules/logging.ts'),
  }
  const outExtension = { '.js': '.mjs' }
  await build({
    entryPoints,
    outdir: directory,
    outExtension,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
  })
  const file = (name: string) => join(directory, `${name}.mjs`)
  return { directory, providerEntry: file('provider'), keyvalue: file('keyvalue'), logging: file('logging') }
}

let bundles: Awaited<ReturnType<typeof bundleProviders>>
beforeAll(async () => {
  bundles = await bundleProviders()
})
afterAll(() => rm(bundles.directory, { recursive: true, force: true }))

const image = (name: string, modulePath: string, more: Partial<ProviderImage> = {}): ProviderImage => ({
  ...{ name, version: 1, digest: `${name}-1`, modulePath, grants: [] },
  ...more,
})
const supervise = (dataDirectory: string, limits = {}): ProviderSupervisor =>
  createProviderSupervisor({ nodePath: process.execPath, providerEntry: bundles.providerEntry, dataDirectory, limits })

interface Asked {
  actor?: string
  binding?: string
  capability?: string
  signal?: AbortSignal
}

async function ask(
  supervisor: ProviderSupervisor,
  operation: string,
  payload: unknown,
  asked: Asked = {},
): Promise<unknown> {
  const {
    actor = 'greeter',
    binding = 'default',
    capability = 'wascc:keyvalue',
    signal = AbortSignal.timeout(20_000),
  } = asked
  const release = { name: actor, publisher: '0xa11ce', version: 1, digest: '0x', grants: [capability] }
  const bytes = payload instanceof Uint8Array ? payload : encode(payload)
  const answer = await supervisor.invoke({ actor: release, binding, capability, operation, payload: bytes }, signal)
  return answer.length === 0 ? undefined : decode(answer)
}

/** The TeapotError that a promise ends in, as a plain object to be matched. */
async function refusal(promise: Promise<unknown>): Promise<{ code: string; kind: string; message: string }> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return { code: error.code, kind: error.kind, message: error.message }
  }
  throw new Error('Expected a refusal, found success')
}

describe('the key-value provider', () => {
  let supervisor: ProviderSupervisor
  beforeAll(async () => {
    supervisor = supervise(join(bundles.directory, 'data'))
    await supervisor.load(image('keyvalue', bundles.keyvalue, { grants: ['node:sqlite'] }))
  })
  afterAll(() => supervisor[Symbol.asyncDispose]())
  const keyvalue = (operation: string, payload: unknown, asked?: Asked) => ask(supervisor, operation, payload, asked)

  test('Texts are set, read, found and deleted', async () => {
    expect(await keyvalue('Get', { key: 'a' })).toEqual({ value: '', exists: false })
    expect(await keyvalue('Set', { key: 'a', value: 'täa', expires: 0 })).toEqual({ value: 'täa' })
    expect(await keyvalue('Get', { key: 'a' })).toEqual({ value: 'täa', exists: true })
    expect(await keyvalue('KeyExists', { key: 'a' })).toEqual({ value: '', exists: true })
    expect(await keyvalue('Del', { key: 'a' })).toEqual({ key: 'a' })
    expect(await keyvalue('KeyExists', { key: 'a' })).toEqual({ value: '', exists: false })
  })

  test('A text with an expiry is gone after it', async () => {
    await keyvalue('Set', { key: 'short', value: 'x', expires: 1 })
    expect(await keyvalue('Get', { key: 'short' })).toMatchObject({ exists: true })
    await expect.poll(() => keyvalue('Get', { key: 'short' }), { timeout: 10_000 }).toMatchObject({ exists: false })
    expect(await keyvalue('Add', { key: 'short', value: 1 })).toEqual({ value: 1 })
  })

  test('Adding counts, from many callers at once too, and refuses what is no number', async () => {
    await Promise.all(Array.from({ length: 50 }, () => keyvalue('Add', { key: 'n', value: 2 })))
    expect(await keyvalue('Add', { key: 'n', value: -100 })).toEqual({ value: 0 })
    await keyvalue('Set', { key: 'text', value: 'tea', expires: 0 })
    expect(await refusal(keyvalue('Add', { key: 'text', value: 1 }))).toMatchObject({ code: 'provider/not-a-number' })
    await keyvalue('Add', { key: 'big', value: 2 ** 31 - 1 })
    expect(await refusal(keyvalue('Add', { key: 'big', value: 1 }))).toMatchObject({ code: 'provider/not-a-number' })
  })

  test('Lists keep their order, and ranges count from both ends', async () => {
    for (const value of ['a', 'b', 'c', 'b']) await keyvalue('Push', { key: 'l', value })
    expect(await keyvalue('Range', { key: 'l', start: 0, stop: -1 })).toEqual({ values: ['a', 'b', 'c', 'b'] })
    expect(await keyvalue('Range', { key: 'l', start: 1, stop: 2 })).toEqual({ values: ['b', 'c'] })
    expect(await keyvalue('Range', { key: 'l', start: -2, stop: 99 })).toEqual({ values: ['c', 'b'] })
    expect(await keyvalue('Range', { key: 'l', start: 3, stop: 1 })).toEqual({ values: [] })
    expect(await keyvalue('ListItemDelete', { key: 'l', value: 'b' })).toEqual({ newCount: 2 })
    expect(await keyvalue('Clear', { key: 'l' })).toEqual({ newCount: 0 })
    expect(await keyvalue('Range', { key: 'l', start: 0, stop: -1 })).toEqual({ values: [] })
  })

  test('Sets hold each value once, and are united and intersected', async () => {
    for (const value of ['b', 'a', 'b']) await keyvalue('SetAdd', { key: 's', value })
    await keyvalue('SetAdd', { key: 't', value: 'b' })
    await keyvalue('SetAdd', { key: 't', value: 'c' })
    expect(await keyvalue('SetQuery', { key: 's' })).toEqual({ values: ['a', 'b'] })
    expect(await keyvalue('SetUnion', { keys: ['s', 't'] })).toEqual({ values: ['a', 'b', 'c'] })
    expect(await keyvalue('SetIntersection', { keys: ['s', 't'] })).toEqual({ values: ['b'] })
    expect(await keyvalue('SetRemove', { key: 's', value: 'a' })).toEqual({ newCount: 1 })
    expect(await keyvalue('SetIntersection', { keys: [] })).toEqual({ values: [] })
  })

  test('Data of another actor, and of another binding, is out of reach', async () => {
    await keyvalue('Set', { key: 'mine', value: 'x', expires: 0 })
    for (const asked of [{ actor: 'other' }, { binding: 'other' }, { actor: 'greeter","default' }])
      expect(await keyvalue('Get', { key: 'mine' }, asked)).toMatchObject({ exists: false })
  })

  test('An unknown operation, an unknown capability and a payload over the limit are refused', async () => {
    expect(await refusal(keyvalue('Drop', {}))).toMatchObject({
      code: 'provider/unknown-operation',
      message: expect.stringMatching(/Drop/),
    })
    expect(await refusal(keyvalue('Get', {}, { capability: 'wascc:blobstore' }))).toMatchObject({
      code: 'provider/unknown-capability',
    })
    expect(await refusal(keyvalue('Get', new Uint8Array((1 << 20) + 1)))).toMatchObject({
      code: 'provider/payload-too-large',
    })
    const value = 'x'.repeat(700_000)
    for (let i = 0; i < 2; i++) await keyvalue('Push', { key: 'huge', value })
    expect(await refusal(keyvalue('Range', { key: 'huge', start: 0, stop: -1 }))).toMatchObject({
      code: 'provider/response-too-large',
    })
  })

  test('Payloads that are not the map that was asked for are refused, whatever they are', async () => {
    const malformed = [
      new Uint8Array(0),
      Buffer.of(0xc1),
      Buffer.of(0x81, 0xa3),
      Buffer.of(0x80, 0x80),
      7,
      null,
      ['key'],
      Buffer.of(0x81),
    ]
    for (const payload of malformed)
      expect(await refusal(keyvalue('Get', payload))).toMatchObject({ code: 'provider/malformed-payload' })
    for (const key of [7, null, ['a'], { a: 1 }, undefined])
      expect(await refusal(keyvalue('Get', { key }))).toMatchObject({ code: 'provider/malformed-payload' })
    expect(await refusal(keyvalue('Add', { key: 'a', value: 1.5 }))).toMatchObject({
      code: 'provider/malformed-payload',
    })
    expect(await refusal(keyvalue('SetUnion', { keys: Array(257).fill('a') }))).toMatchObject({
      code: 'provider/malformed-payload',
    })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('Get', 'Set', 'Add', 'Range', 'SetUnion'),
        fc.uint8Array({ maxLength: 30 }),
        async (operation, bytes) => {
          const outcome = await keyvalue(operation, bytes).catch((error: { code: string }) => error.code)
          if (typeof outcome === 'string') expect(outcome).toBe('provider/malformed-payload')
        },
      ),
      { numRuns: 100 },
    )
  })

  test('A provider that is killed is started again: the next call is answered, and what was stored is there', async () => {
    await keyvalue('Set', { key: 'kept', value: 'yes', expires: 0 })
    for (let kills = 1; kills <= 2; kills++) {
      const { pid } = supervisor.list()[0]!
      process.kill(pid!, 'SIGKILL')
      await expect.poll(() => supervisor.list()[0]?.restarts).toBe(kills)
      expect(await keyvalue('Get', { key: 'kept' })).toEqual({ value: 'yes', exists: true })
      expect(supervisor.list()[0]?.pid).not.toBe(pid)
    }
  })

  test('A caller that gives up gets its own reason', async () => {
    const reason = new Error('tea is ready')
    const controller = new AbortController()
    const asked = keyvalue('Get', { key: 'a' }, { signal: controller.signal })
    controller.abort(reason)
    await expect(asked).rejects.toBe(reason)
  })
})

describe('the logging provider', () => {
  test('Lines are kept as JSON, and the files stay few and small', async () => {
    const dataDirectory = join(bundles.directory, 'logs')
    await using supervisor = supervise(dataDirectory)
    await supervisor.load(image('logging', bundles.logging))
    const log = (payload: unknown) => ask(supervisor, 'WriteLog', payload, { capability: 'wascc:logging' })
    expect(await log({ level: 3, body: 'greeted\nTea' })).toBeUndefined()
    const [first] = (await readFile(join(dataDirectory, 'logging', 'log.jsonl'), 'utf8')).split('\n')
    expect(JSON.parse(first!)).toMatchObject({
      actor: 'greeter',
      binding: 'default',
      level: 'info',
      body: 'greeted\nTea',
    })
    await Promise.all(Array.from({ length: 700 }, () => log({ level: 1, body: 'x'.repeat(20_000) })))
    const files = await readdir(join(dataDirectory, 'logging'))
    expect(files.sort()).toEqual(['log.jsonl', 'log.jsonl.1', 'log.jsonl.2', 'log.jsonl.3'])
    for (const payload of [{ level: 9, body: '' }, { level: 3 }, 'x'])
      expect(await refusal(log(payload))).toMatchObject({ code: 'provider/malformed-payload' })
  })
})

describe('the supervisor', () => {
  const module = async (name: string, body: string): Promise<string> => {
    const path = join(bundles.directory, `${name}.mjs`)
    await writeFile(path, body)
    return path
  }
  const serving = (invoke: string, capability = 'test:odd') =>
    `export default ({ dataDirectory }) => ({ capability: '${capability}', operations: ['Run'], invoke: ${invoke} })`
  const run = (supervisor: ProviderSupervisor, payload: unknown = {}) =>
    ask(supervisor, 'Run', payload, { capability: 'test:odd' })

  test('A provider may write to its own directory, and neither read, write, connect nor spawn beyond it', async () => {
    const attempts = {
      own: "(await import('node:fs')).writeFileSync(dataDirectory + '/x', '1')",
      read: "(await import('node:fs')).readFileSync('/etc/hostname')",
      neighbour: "(await import('node:fs')).readdirSync(dataDirectory + '/..')",
      write: "(await import('node:fs')).writeFileSync('/tmp/teapot-escaped', '1')",
      database: "new (await import('node:sqlite')).DatabaseSync(dataDirectory + '/x.sqlite')",
      spawn: "(await import('node:child_process')).spawnSync('/bin/true')",
      connect: "await fetch('http://127.0.0.1:9')",
      worker: "new (await import('node:worker_threads')).Worker('1', { eval: true })",
      environment: "if (Object.keys(process.env).length === 0) throw new Error('empty')",
    }
    const tried = Object.entries(attempts).map(([name, code]) => `try { ${code}; done.push('${name}') } catch {}`)
    const source = serving(
      `async () => { const done = []; ${tried.join('\n')}; return Buffer.from(JSON.stringify(done)) }`,
    )
    await using supervisor = supervise(join(bundles.directory, 'confined'))
    await supervisor.load(image('confined', await module('confined', source)))
    const release = { name: 'a', publisher: 'p', version: 1, digest: '', grants: [] }
    const call = { actor: release, binding: '', capability: 'test:odd', operation: 'Run', payload: new Uint8Array(0) }
    const answer = await supervisor.invoke(call, AbortSignal.timeout(20_000))
    expect(JSON.parse(Buffer.from(answer).toString())).toEqual(['own'])
  })

  test('A provider that fails, answers too much or breaks the protocol fails the call alone', async () => {
    await using supervisor = supervise(join(bundles.directory, 'odd'), { callMs: 1_000 })
    const odd = await module(
      'odd',
      `import { Socket } from 'node:net'
       ${serving(`async ({ payload }) => {
         const what = payload[0]
         if (what === 1) throw new Error('no tea')
         if (what === 2) return Buffer.alloc((1 << 20) + 1)
         if (what === 3) (await import('node:fs')).writeSync(3, 'HTTP/1.1 200 OK and more')
         if (what === 4) process.exit(3)
         if (what === 5) for (;;) {}
         return payload
       }`)}`,
    )
    await supervisor.load(image('odd', odd))
    const cases = [
      [1, 'provider/failed', 'fault'],
      [2, 'provider/response-too-large', 'refused'],
      [3, 'provider/bad-frame', 'unavailable'],
      [4, 'provider/lost', 'unavailable'],
      [5, 'provider/deadline', 'unavailable'],
    ] as const
    for (const [what, code, kind] of cases) {
      expect(await refusal(run(supervisor, Uint8Array.of(what))), `${what}`).toMatchObject({ code, kind })
      expect(await run(supervisor, { tea: what }), `after ${what}`).toEqual({ tea: what })
    }
  })

  test('A module that is none, or does not start, is refused with what it said', async () => {
    await using supervisor = supervise(join(bundles.directory, 'broken'))
    const broken = await module('broken', "throw new Error('no tea today')")
    expect(await refusal(supervisor.load(image('broken', broken)))).toMatchObject({
      code: 'provider/does-not-start',
      message: expect.stringMatching(/no tea today/),
    })
    const empty = await module('empty', '')
    expect(await refusal(supervisor.load(image('empty', empty)))).toMatchObject({ code: 'provider/does-not-start' })
    expect(await refusal(supervisor.load(image('../up', empty)))).toMatchObject({ code: 'provider/bad-name' })
    expect(supervisor.list()).toEqual([])
  })

  test('A newer version takes over while calls run; an older one, and another one for the same capability, are refused', async () => {
    await using supervisor = supervise(join(bundles.directory, 'swap'))
    const slow = await module(
      'slow',
      serving('async ({ payload }) => { await new Promise((r) => setTimeout(r, 300)); return payload }'),
    )
    const quick = await module('quick', serving('() => new Uint8Array([0xa2, 0x76, 0x32])'))
    await supervisor.load(image('swap', slow))
    const underWay = run(supervisor, { still: 'old' })
    await supervisor.load(image('swap', quick, { version: 2, digest: 'two' }))
    expect(await underWay).toEqual({ still: 'old' })
    expect(await run(supervisor)).toBe('v2')
    expect(await refusal(supervisor.load(image('swap', slow)))).toMatchObject({ code: 'provider/version-rollback' })
    expect(await refusal(supervisor.load(image('rival', slow)))).toMatchObject({ code: 'provider/capability-taken' })
    await supervisor.unload('swap')
    expect(await refusal(run(supervisor))).toMatchObject({ code: 'provider/unknown-capability' })
  })
})
