import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decode } from '@msgpack/msgpack'
import { createProviderSupervisor, type ProviderSupervisor } from '@teapot-network/daemon/providers'
import { createHost, type Host } from '@teapot-network/host'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildActor } from '../src/index.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-actors-'))
})
afterAll(() => rm(directory, { recursive: true }))

describe('on a real host with real providers', () => {
  let host: Host
  let providers: ProviderSupervisor
  // Of nothing here is it the matter how fast the machine is.
  const patient = { startMs: 60_000 }
  const greeterGrants = ['wascc:keyvalue', 'wascc:logging']

  beforeAll(async () => {
    const source = '../../daemon/src/providers'
    const bundles = join(directory, 'bundles')
    await build({
      entryPoints: {
        provider: here(`${source}/child.ts`),
        keyvalue: here(`${source}/modules/keyvalue.ts`),
        logging: here(`${source}/modules/logging.ts`),
      },
      ...{ outdir: bundles, outExtension: { '.js': '.mjs' } },
      ...{ bundle: true, platform: 'node', format: 'esm', target: 'node26' },
    })
    providers = createProviderSupervisor({
      nodePath: process.execPath,
      providerEntry: join(bundles, 'provider.mjs'),
      dataDirectory: join(directory, 'data'),
      limits: { ...patient, callMs: 60_000, waitMs: 60_000 },
    })
    const image = (name: string, grants: string[]) => ({
      ...{ name, version: 1, digest: '1', grants },
      bytes: readFileSync(join(bundles, `${name}.mjs`)),
    })
    await providers.load(image('keyvalue', ['node:sqlite']))
    await providers.load(image('logging', []))
    host = await createHost({
      nodePath: process.execPath,
      sandboxEntry: here('../../host/src/sandbox/main.ts'),
      transpilerEntry: here('../../host/src/transpiler/main.ts'),
      invoke: providers.invoke,
      limits: { ...patient, loadMs: 60_000, transpileMs: 60_000, deadlineMs: 30_000 },
    })
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    await providers?.[Symbol.asyncDispose]()
  })

  const load = async (name: string, source: string, version: number, grants: string[]) => {
    const { wasm: bytes } = await buildActor(here(source), { cacheDirectory: join(directory, 'cache') })
    await host.load({ name, publisher: '0xa11ce', version, digest: digest(bytes), grants, bytes })
  }
  const ask = async (actor: string, operation: string, payload: Uint8Array | string) =>
    Buffer.from((await host.call({ actor, operation, payload: Buffer.from(payload) })).payload).toString()

  test('The greeter greets, counts its visits and writes them down', async () => {
    await load('greeter', 'greeter', 1, greeterGrants)
    expect(await ask('greeter', 'greet', 'Ada')).toBe('Hello, Ada! (v1)')
    expect(await ask('greeter', 'greet', 'Ada')).toBe('Hello, Ada! (v1)')
    const names = await Promise.all(Array.from({ length: 30 }, (_, i) => ask('greeter', 'greet', `Gäst ${i}`)))
    expect(names).toEqual(Array.from({ length: 30 }, (_, i) => `Hello, Gäst ${i}! (v1)`))
  })

  test('Its second version takes over and knows the visits of the first', async () => {
    await load('greeter', 'greeter-v2', 2, greeterGrants)
    expect(await ask('greeter', 'greet', 'Ada')).toBe('Hello again, Ada! You were here 3 times. (v2)')
    expect(await ask('greeter', 'greet', 'Bob')).toBe('Hello again, Bob! You were here once. (v2)')
    for (let visit = 2; visit < 140; visit++) await ask('greeter', 'greet', 'Bob')
    expect(await ask('greeter', 'greet', 'Bob')).toMatch(/here 140 times/)
  })

  test('A name that is empty or too long, and an operation that it does not know, are refused in its own words', async () => {
    for (const name of ['', 'x'.repeat(257)])
      await expect(ask('greeter', 'greet', name)).rejects.toThrow(/Expected a name of 1 to 256 bytes/)
    await expect(ask('greeter', 'dance', 'Ada')).rejects.toThrow('Could not find function "dance"')
  })

  test('The party asks the greeter for each of its guests', async () => {
    await load('party', 'party', 1, ['actor:greeter'])
    expect(await ask('party', 'welcome', 'Eve\nZoe')).toMatch(/^Hello again, Eve! .*\nHello again, Zoe! [^\n]*$/)
  })

  test('Without its grants the greeter is denied', async () => {
    await load('ungranted', 'greeter', 1, [])
    await expect(ask('ungranted', 'greet', 'Ada')).rejects.toMatchObject({ code: 'host/capability-denied' })
  })

  test('The echo answers with what it was given, up to a size that makes its memory grow', async () => {
    await load('echo', 'echo', 1, [])
    expect(host.list().find(({ name }) => name === 'echo')?.reset).toBe('snapshot')
    for (const size of [0, 1, 1_000, 500_000, 1_000])
      expect(await ask('echo', 'echo', 'x'.repeat(size))).toHaveLength(size)
  })

  test('The word count, a WASI command, counts its standard input', async () => {
    await load('word-count', 'word-count', 1, [])
    expect(await ask('word-count', 'count', 'a nice cup of tea')).toBe('0 5 17\n')
    expect(await ask('word-count', 'count', 'x\n'.repeat(50_000))).toBe('50000 50000 100000\n')
    expect(await ask('word-count', 'count', '')).toBe('0 0 0\n')
  })

  test('The dice, a component written in TypeScript, fall otherwise each time', async () => {
    await load('dice', 'dice', 1, [])
    const rolls = await Promise.all(Array.from({ length: 4 }, () => ask('dice', 'roll', '20')))
    for (const roll of rolls) expect(roll).toMatch(/^([1-6] ){20}= \d+$/)
    expect(new Set(rolls).size).toBe(4)
    await expect(ask('dice', 'roll', 'many')).rejects.toThrow('Expected 1 to 100 dice, found many')
    await expect(ask('dice', 'toss', '1')).rejects.toThrow('Expected one of roll, found toss')
  })

  test('Key-value requests of the greeter are read back by an ordinary MessagePack library', async () => {
    const release = { name: 'greeter', publisher: '0xa11ce', version: 2, digest: '', grants: greeterGrants }
    const payload = Buffer.of(0x81, 0xa3, ...Buffer.from('key'), 0xaa, ...Buffer.from('visits/Bob'))
    const call = { actor: release, binding: 'default', capability: 'wascc:keyvalue', operation: 'Get', payload }
    const answer = await providers.invoke(call, new AbortController().signal)
    expect(decode(answer)).toEqual({ value: '140', exists: true })
  })
})
