import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ActorLimits, createHost, type Host } from '@teapot-network/host'
import {
  type Digest,
  digestOf,
  EntryKind,
  type EntryStatus,
  encodeGrants,
  entryDigest,
  type Hex,
  type LedgerEntry,
  type LedgerFacts,
  toHex,
} from '@teapot-network/trust'
import { type AppActor, type AppManifest, encodeManifest, type LIMIT_NAMES } from '@teapot-network/trust/app'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLog } from '../log.ts'
import type { ProviderSupervisor } from '../providers/index.ts'
import { findRoute } from './find-route.ts'
import { createLoaders, type Loaders } from './loaders.ts'
import type { Standing } from './manifests.ts'
import { createProvisioner, type Provisioner } from './provisioner.ts'

/** Answers with its payload. */
const echo = Buffer.from(
  'AGFzbQEAAAABDAJgAn9/AGACf38BfwIwAgR3YXBjEF9fZ3Vlc3RfcmVzcG9uc2UAAAR3YXBjD19fZ3Vlc3RfcmVxdWVzdAAAAwIBAQUDAQABBxkCDF9fZ3Vlc3RfY2FsbAACBm1lbW9yeQIACiEBHwBBAEGACBABQQAtAABB9ABGBEAAC0GACCABEABBAQs=',
  'base64',
)
const sandboxEntry = join(dirname(fileURLToPath(import.meta.resolve('@teapot-network/host'))), 'sandbox', 'main.ts')
const KEYVALUE = 'wascc:keyvalue'
const { signal } = new AbortController()
/** What a slow machine does not pass. */
const limits = { loadMs: 60_000, startMs: 60_000, deadlineMs: 30_000 }
const OURS = `0x${'01'.repeat(20)}` as Hex
const THEIRS = `0x${'02'.repeat(20)}` as Hex

let host: Host
let loaders: Loaders
let box: Provisioner
let told: { name: string; bindings: unknown }[]
let warned: string[]
let standing: Standing
const content = new Map<string, Uint8Array>()

beforeEach(async () => {
  host = await createHost({ nodePath: process.execPath, sandboxEntry, limits, invoke: async () => new Uint8Array(0) })
  told = []
  warned = []
  standing = { isolation: 'user', integrity: 'none', confidentiality: 'none' }
  const log = createLog((line) => void warned.push(line))
  const providers = {
    bind: ({ name }, bindings) => void told.push({ name, bindings }),
  } as ProviderSupervisor
  loaders = createLoaders({
    host,
    providers,
    onPolicy() {},
    onReferences() {},
    standing: () => standing,
    log,
  })
  box = createProvisioner({
    ...{ self: `0x${'03'.repeat(32)}` as Hex, contentPeers: [], loaders: loaders.byKind, log },
    fetch: async (cid) => content.get(cid) ?? Promise.reject(new Error('nobody has it')),
    measure: async () => {},
  })
})
afterEach(async () => {
  await host?.[Symbol.asyncDispose]()
  content.clear()
})

function publish(name: string, kind: EntryKind, bytes: Uint8Array, more: Partial<LedgerEntry> = {}): LedgerEntry {
  const [sha256, version] = [digestOf(bytes), more.version ?? 1]
  const grants = kind === EntryKind.actor ? encodeGrants([KEYVALUE, 'wascc:logging']) : new Uint8Array(0)
  const cid = `${name} v${version}`
  content.set(cid, bytes)
  const digest = entryDigest({ kind, name, sha256, grants })
  const status: EntryStatus = 'current'
  return {
    digest,
    kind,
    name,
    version,
    sha256,
    cid,
    grants: toHex(grants),
    status,
    sinceBlock: 1,
    publisher: OURS,
    ...more,
  }
}

const actor = (name: string, more: Partial<LedgerEntry> = {}) => publish(name, EntryKind.actor, echo, more)

function manifest(
  name: string,
  actors: Partial<AppActor>[],
  more: Partial<AppManifest & LedgerEntry> = {},
): LedgerEntry {
  const { routes = [], floor = { integrity: 'none', confidentiality: 'none', isolation: 'process' }, ...entry } = more
  const whole = actors.map((one) => ({ name: 'a', minVersion: 1, bindings: [], limits: {}, environment: {}, ...one }))
  const bytes = encodeManifest({ v: 1, name, actors: whole, routes, floor })
  return publish(`app/${name}`, EntryKind.policy, bytes, entry)
}

const factsOf = (...entries: LedgerEntry[]): LedgerFacts => {
  const hash = `0x${'00'.repeat(32)}` as Digest
  return {
    ...{
      chainId: 1,
      registry: OURS,
      block: { number: 1, hash, timestamp: 1 },
      epoch: { number: 1, seed: hash, openedAt: 1 },
    },
    ...{ referenceValues: [], entries, nodes: [] },
  }
}

const advance = (...entries: LedgerEntry[]) => box.advance(factsOf(...entries), signal)
const bindingsOf = (name: string) =>
  host
    .list()
    .find((one) => one.name === name)
    ?.bindings.map((one) => one.name)
const binding = (name: string, settings = {}) => ({ name, capability: KEYVALUE, provider: null, settings })

describe('a manifest', () => {
  test('decides what an actor of the same publisher is bound to, and providers are told what of it is granted', async () => {
    const unknown = { ...binding('x'), capability: 'wascc:blobstore' }
    await advance(manifest('app', [{ bindings: [binding('main', { prefix: 'p' }), unknown] }]), actor('a'), actor('b'))
    expect(bindingsOf('a')).toEqual(['main'])
    expect(bindingsOf('b')).toEqual(['default', 'default'])
    expect(told[0]).toEqual({
      name: 'a',
      bindings: [{ name: 'main', capability: KEYVALUE, settings: { prefix: 'p' } }],
    })
  })

  test('holds an actor to its limits', async () => {
    await advance(manifest('app', [{ limits: { payloadBytes: 4 } }]), actor('a'))
    const call = (text: string) => host.call({ actor: 'a', operation: 'say', payload: Buffer.from(text) })
    expect(Buffer.from((await call('four')).payload).toString()).toBe('four')
    await expect(call('fives')).rejects.toMatchObject({ code: 'host/payload-too-large' })
  })

  test('of a stranger does not apply', async () => {
    const theirs = manifest('app', [{ bindings: [] }], {
      publisher: THEIRS,
      routes: [{ path: '/', actor: 'a', methods: [] }],
    })
    await advance(theirs, actor('a'))
    expect(bindingsOf('a')).toEqual(['default', 'default'])
    expect(loaders.routes()).toEqual([])
  })

  test('that is newer takes over at once, and one that is revoked is gone', async () => {
    const a = actor('a')
    const [one, two] = [1, 2].map((version) => manifest('app', [{ bindings: [binding(`v${version}`)] }], { version }))
    await advance(one!, a)
    expect(bindingsOf('a')).toEqual(['v1'])
    await advance({ ...one!, status: 'grace' }, a, two!)
    expect(bindingsOf('a')).toEqual(['v2'])
    await advance(a, { ...two!, status: 'revoked' })
    expect(bindingsOf('a')).toEqual(['default', 'default'])
    expect(told.map(({ bindings }) => (bindings as { name: string }[])[0]?.name)).toEqual(['v1', 'v2', 'default'])
  })

  test('that was on the ledger first applies, whichever came here first, and the other is warned of', async () => {
    const a = actor('a')
    const routes = [{ path: '/', actor: 'a', methods: [] }]
    const first = manifest('zzz', [{ bindings: [binding('first')] }], { routes })
    const second = manifest('aaa', [{ bindings: [binding('second')] }], { routes })
    await advance({ ...first, status: 'published' }, second, a)
    expect(bindingsOf('a')).toEqual(['second'])
    await advance(first, second, a)
    expect(bindingsOf('a')).toEqual(['first'])
    expect(warned.join()).toMatch(/does not apply.*app\/aaa/)
    expect(loaders.routes().map(({ app }) => app)).toEqual(['zzz'])
  })

  test('that nobody has keeps the actors of its publisher from being loaded, and the node is ready all the same', async () => {
    const missing = manifest('app', [{ name: 'other' }])
    content.delete(missing.cid)
    await advance(missing, actor('a'), actor('b', { publisher: THEIRS }))
    expect(host.list().map(({ name }) => name)).toEqual(['b'])
    expect(box.ready()).toBe(true)
    expect(warned.join()).toMatch(/app\/app.*provision\/manifest-missing/)
  })

  test('under another name than its own is refused', async () => {
    const bytes = encodeManifest({
      ...{
        v: 1,
        name: 'bank',
        routes: [],
        floor: { integrity: 'none', confidentiality: 'none', isolation: 'process' },
      },
      actors: [{ name: 'a', minVersion: 1, bindings: [], limits: {}, environment: {} }],
    })
    await advance(publish('app/mine', EntryKind.policy, bytes))
    expect(box.loaded()).toEqual([])
    expect(warned.join()).toMatch(/expected an app of that name, found bank.*provision\/misnamed-manifest/)
  })

  test('that is malformed is refused, and the node is ready all the same', async () => {
    await advance(publish('app/mine', EntryKind.policy, Buffer.from('junk')))
    expect([box.loaded(), box.ready()]).toEqual([[], true])
  })
})

describe('an actor', () => {
  test('does not run where a node falls short of its floor, and runs once it does not', async () => {
    const a = actor('a')
    const floor = { integrity: 'none', confidentiality: 'none', isolation: 'cgroup' } as const
    const [free, strict] = [manifest('app', [{}]), manifest('app', [{}], { version: 2, floor })]
    await advance(free, a)
    expect(bindingsOf('a')).toEqual([])
    await advance({ ...free, status: 'grace' }, strict, a)
    expect(host.list()).toEqual([])
    expect(warned.join()).toMatch(/expected isolation cgroup or more, found user.*provision\/below-floor/)
    expect(told.at(-1)).toEqual({ name: 'a', bindings: [] })
    standing = { ...standing, isolation: 'cgroup' }
    await advance({ ...free, status: 'grace' }, strict, a)
    expect(bindingsOf('a')).toEqual([])
  })

  test.each([
    ['integrity', { integrity: 'measured', confidentiality: 'none', isolation: 'process' }],
    ['confidentiality', { integrity: 'none', confidentiality: 'enclave', isolation: 'process' }],
  ] as const)('is held back by %s too', async (_, floor) => {
    await advance(manifest('app', [{}], { floor }), actor('a'))
    expect(host.list()).toEqual([])
  })

  test('older than its manifest asks is not run', async () => {
    const app = manifest('app', [{ minVersion: 2 }])
    await advance(app, actor('a'))
    expect(host.list()).toEqual([])
    expect(warned.join()).toContain('provision/older-than-manifest')
    await advance(app, actor('a', { status: 'grace' }), actor('a', { version: 2 }))
    expect(host.list().map(({ version }) => version)).toEqual([2])
  })

  test('that the host lost is loaded again', async () => {
    const a = actor('a')
    await advance(a)
    host.unload('a')
    await advance(a)
    expect(host.list()).toHaveLength(1)
  })
})

describe('routes', () => {
  test('lead to actors that run under the manifest, the longest path first', async () => {
    const routes = [
      { path: '/', actor: 'a', methods: [] },
      { path: '/api', actor: 'b', methods: ['POST' as const] },
      { path: '/gone', actor: 'c', methods: [] },
    ]
    const app = manifest('app', [{ name: 'a' }, { name: 'b' }, { name: 'c' }], { routes })
    await advance(app, actor('a'), actor('b'))
    const find = (name: string, path: string) => findRoute(loaders.routes(), name, path)?.actor
    expect(find('app', '/')).toBe('a')
    expect(find('app', '/apix')).toBe('a')
    expect(find('app', '/api')).toBe('b')
    expect(find('app', '/api/x')).toBe('b')
    expect(find('app', '/gone')).toBe('a')
    expect(find('other', '/')).toBeUndefined()
    await advance(app, actor('a'), actor('b', { status: 'revoked' }))
    expect(find('app', '/api')).toBe('a')
  })
})

test('a manifest knows the limits of the host by the same names', () => {
  const same: Record<keyof ActorLimits, true> extends Record<(typeof LIMIT_NAMES)[number], true>
    ? Record<(typeof LIMIT_NAMES)[number], true> extends Record<keyof ActorLimits, true>
      ? true
      : false
    : false = true
  expect(same).toBe(true)
})
