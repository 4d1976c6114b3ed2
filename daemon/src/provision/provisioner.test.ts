import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BlockStore, type ContentNode, createBlockStore, createContentNode } from '@teapot-network/content'
import {
  type Digest,
  digestOf,
  type Entry,
  EntryKind,
  type EntryStatus,
  entryDigest,
  type Hex,
  type LedgerEntry,
  type LedgerFacts,
  utf8,
} from '@teapot-network/trust'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLog } from '../log.ts'
import { acceptBlock } from './accept-block.ts'
import { createProvisioner, type Loader, type Provisioner } from './provisioner.ts'

const open: AsyncDisposable[] = []
let publisher: { content: ContentNode; url: string }
let content: ContentNode
let told: string[]

beforeEach(async () => {
  publisher = await startPublisher()
  content = (await startContent()).content
  told = []
})

afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function startContent(): Promise<{ content: ContentNode; store: BlockStore }> {
  const dir = await mkdtemp(join(tmpdir(), 'teapot-provision-'))
  const store = await createBlockStore({ dir, quotaBytes: 1 << 24 })
  const node = await createContentNode({ store, bitswap: false, peerTimeoutMs: 60_000 })
  open.push({ [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) }, store, node)
  return { content: node, store }
}

async function startPublisher() {
  const { content } = await startContent()
  const server = createServer((request, response) => void content.gateway(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  return { content, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function entryOf(
  name: string,
  kind: EntryKind,
  bytes: Uint8Array,
  cid: string,
  status: EntryStatus,
  version = 1,
): LedgerEntry {
  const sha256 = digestOf(bytes)
  const digest = entryDigest({ kind, name, sha256, grants: new Uint8Array(0) })
  return {
    digest,
    kind,
    name,
    version,
    sha256,
    cid,
    grants: '0x',
    status,
    sinceBlock: 1,
    publisher: `0x${'01'.repeat(20)}` as Hex,
  }
}

function factsOf(...entries: LedgerEntry[]): LedgerFacts {
  const hash = `0x${'00'.repeat(32)}` as Digest
  return {
    chainId: 1,
    registry: `0x${'02'.repeat(20)}` as Hex,
    block: { number: 1, hash, timestamp: 1 },
    epoch: { number: 1, seed: hash, openedAt: 1 },
    referenceValues: [],
    entries,
    nodes: [],
  }
}

function provisioner(overrides: { peers?: string[]; measure?: (entry: Entry) => Promise<void> } = {}): Provisioner {
  const tell = (what: string): Loader => ({
    load: async (entry) => void told.push(`${what} ${entry.name} v${entry.version}`),
    unload: async (entry) => void told.push(`unload ${entry.name}`),
  })
  return createProvisioner({
    self: `0x${'03'.repeat(32)}` as Hex,
    contentPeers: overrides.peers ?? [publisher.url],
    fetch: (cid, options) => content.fetch(cid, options),
    measure: overrides.measure ?? (async (entry) => void told.push(`measure ${entry.name}`)),
    loaders: {
      [EntryKind.actor]: tell('actor'),
      [EntryKind.provider]: tell('provider'),
      [EntryKind.policy]: tell('policy'),
    },
    log: createLog(() => {}),
  })
}

const { signal } = new AbortController()

test('what the ledger calls current is fetched, measured, then loaded: policies, providers, actors', async () => {
  const add = async (name: string, kind: EntryKind) => {
    const bytes = utf8(`bytes of ${name}`)
    return entryOf(name, kind, bytes, await publisher.content.add(bytes), 'current')
  }
  const actor = await add('greeter', EntryKind.actor)
  const facts = factsOf(actor, await add('keyvalue', EntryKind.provider), await add('appraisal', EntryKind.policy))
  const box = provisioner()
  await box.advance(facts, signal)
  expect(told).toEqual([
    ...['measure appraisal', 'policy appraisal v1'],
    ...['measure keyvalue', 'provider keyvalue v1'],
    ...['measure greeter', 'actor greeter v1'],
  ])
  expect(box.ready()).toBe(true)
  await box.advance(facts, signal)
  expect(told).toHaveLength(6)
})

test('what was only published, and what is a page, is left alone', async () => {
  const bytes = utf8('not approved')
  const cid = await publisher.content.add(bytes)
  const facts = factsOf(
    entryOf('a', EntryKind.actor, bytes, cid, 'published'),
    entryOf('p', EntryKind.page, bytes, cid, 'current'),
  )
  await provisioner().advance(facts, signal)
  expect(told).toEqual([])
})

test('bytes that are not the ones on the ledger are neither measured nor loaded', async () => {
  const cid = await publisher.content.add(utf8('other bytes'))
  const box = provisioner()
  await box.advance(factsOf(entryOf('keyvalue', EntryKind.provider, utf8('the bytes'), cid, 'current')), signal)
  expect(told).toEqual([])
  expect(box.ready()).toBe(false)
})

test('what could not be measured is not loaded', async () => {
  const bytes = utf8('provider')
  const facts = factsOf(entryOf('keyvalue', EntryKind.provider, bytes, await publisher.content.add(bytes), 'current'))
  const box = provisioner({ measure: () => Promise.reject(new Error('the TPM is gone')) })
  await box.advance(facts, signal)
  expect(told).toEqual([])
  expect(box.ready()).toBe(false)
})

test('an actor that nobody has holds up neither the node nor what comes after it', async () => {
  const bytes = utf8('here')
  const there = entryOf('b', EntryKind.actor, bytes, await publisher.content.add(bytes), 'current')
  const gone = entryOf(
    'a',
    EntryKind.actor,
    utf8('gone'),
    'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
    'current',
  )
  const box = provisioner()
  await box.advance(factsOf(gone, there), signal)
  expect(told).toEqual(['measure b', 'actor b v1'])
  expect(box.ready()).toBe(true)
})

test('a newer version is loaded over the old one, and what is revoked is taken out', async () => {
  const [one, two] = [utf8('one'), utf8('two')]
  const first = entryOf('a', EntryKind.actor, one, await publisher.content.add(one), 'current', 1)
  const second = entryOf('a', EntryKind.actor, two, await publisher.content.add(two), 'current', 2)
  const box = provisioner()
  await box.advance(factsOf(first), signal)
  await box.advance(factsOf({ ...first, status: 'grace' }, second), signal)
  await box.advance(factsOf({ ...second, status: 'revoked' }), signal)
  expect(told).toEqual(['measure a', 'actor a v1', 'measure a', 'actor a v2', 'unload a'])
  expect(box.loaded()).toEqual([])
})

test('a publisher may bring only bytes that the ledger names', async () => {
  const bytes = utf8('published')
  const cid = await publisher.content.add(bytes)
  const named = factsOf(entryOf('a', EntryKind.actor, bytes, cid, 'published'))
  await acceptBlock(content, named, cid, bytes)
  expect(content.has(cid)).toBe(true)
  const stranger = acceptBlock(content, factsOf(), cid, bytes)
  await expect(stranger).rejects.toMatchObject({ code: 'provision/unknown-content' })
  const swapped = acceptBlock(content, named, cid, utf8('swapped'))
  await expect(swapped).rejects.toMatchObject({ code: 'provision/wrong-bytes' })
})

test.each([
  ['actors that nobody approved', EntryKind.actor, 'published'],
  ['pages', EntryKind.page, 'current'],
] as const)('%s leave room for what the committee approved, however many strangers bring', async (_, kind, status) => {
  for (let i = 0; i < 9; i++) {
    const bytes = new Uint8Array(2 ** 21).fill(i)
    const cid = await publisher.content.add(bytes, { pin: false, singleBlock: true })
    await acceptBlock(content, factsOf(entryOf(`a${i}`, kind, bytes, cid, status)), cid, bytes)
  }
  const bytes = utf8('approved')
  const cid = await publisher.content.add(bytes, { pin: false })
  await acceptBlock(content, factsOf(entryOf('b', EntryKind.actor, bytes, cid, 'current')), cid, bytes)
  expect(content.has(cid)).toBe(true)
})
