import { encodeCbor, encodeGrants, entryDigest, type LedgerFacts, toHex } from '@teapot-network/trust'
import { decodeFunctionResult, encodeFunctionData, encodeFunctionResult, type Hex } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Chain,
  createNode,
  MIN_EPOCH_SECONDS,
  sha256Hex,
  startChain,
  type TestNode,
  WAIT,
  ZERO,
} from '../testing/chain.ts'
import { type Passing, type RpcProxy, startProxy } from '../testing/proxy.ts'
import { codeRegistryAbi } from './contracts.gen.ts'
import type { LedgerOptions } from './endpoints.ts'
import { createLedger } from './ledger.ts'
import { entitled } from './round.ts'

let chain: Chain
let node: TestNode
let proxy: RpcProxy
let snapshot: unknown

beforeAll(async () => {
  node = await createNode('node')
  chain = await startChain({ genesis: [node] })
})
afterAll(() => chain?.[Symbol.asyncDispose]())
beforeEach(async () => {
  snapshot = await chain.rpc('evm_snapshot')
  proxy = await startProxy(() => chain.anvil.url)
})
afterEach(async () => {
  await proxy[Symbol.asyncDispose]()
  await chain.rpc('evm_revert', snapshot)
})

const open = (rpcUrls: string[] = [chain.anvil.url], options: Partial<LedgerOptions> = {}) =>
  createLedger({ rpcUrls, deployment: chain.deployment, ...WAIT, ...options })
const publish = (version: bigint) =>
  chain.write(node.key, 'codeRegistry', 'publish', ['acme/hello', 3, version, sha256Hex(`${version}`), 'bafy', '0x80'])

/** What an owner's proxy would do: adds an entry to the answer of `CodeRegistry.list`. */
function addEntry({ method, params }: Passing, result: unknown): unknown {
  const { to } = (params[0] ?? {}) as { to?: string }
  if (method !== 'eth_call' || to !== chain.deployment.codeRegistry) return result
  const [entries, revision] = decodeFunctionResult({ abi: codeRegistryAbi, functionName: 'list', data: result as Hex })
  const bad = { ...entries[0]!, name: 'mallory/bad' }
  return encodeFunctionResult({ abi: codeRegistryAbi, functionName: 'list', result: [[...entries, bad], revision] })
}

describe('readFacts', () => {
  it('gives back what was written, at one block, as the appraisal wants it', async () => {
    const grants = encodeGrants(['kv:get'])
    const content = sha256Hex('bytes')
    const { block: since } = await chain.write(node.key, 'codeRegistry', 'publish', [
      'acme/hello',
      3,
      4n,
      content,
      'bafy',
      toHex(grants),
    ])
    await chain.write(chain.committee, 'referenceValues', 'add', [sha256Hex('r'), '0.1.0', 'linux-x64'])
    const { block: number } = await chain.register(node)
    const { hash, timestamp } = (await chain.rpc('eth_getBlockByNumber', 'latest', false)) as Record<string, Hex>
    const { epoch, seed, openedAt } = await chain.read('attestation', 'current', [])

    const facts = await open().readFacts()
    const expected: LedgerFacts = {
      chainId: 31337,
      registry: chain.deployment.nodeRegistry,
      block: { number, hash: hash!, timestamp: Number(timestamp) },
      epoch: { number: epoch, seed, openedAt: Number(openedAt) },
      referenceValues: [
        { r: sha256Hex('r'), release: '0.1.0', platform: 'linux-x64', status: 'current', sinceBlock: since + 1 },
      ],
      entries: [
        {
          digest: entryDigest({ kind: 3, name: 'acme/hello', sha256: content, grants }),
          kind: 3,
          name: 'acme/hello',
          version: 4,
          sha256: content,
          cid: 'bafy',
          grants: toHex(grants),
          status: 'published',
          sinceBlock: since,
          publisher: node.operator,
        },
      ],
      nodes: [
        {
          id: node.id,
          operator: node.operator,
          status: 'pending',
          statusSince: number,
          genesis: true,
          akX: node.akX,
          akY: node.akY,
          ekDigest: node.ekDigest,
          voteKey: `0x04${node.voteKeyX.slice(2)}${node.voteKeyY.slice(2)}`,
          contact: '{"http":"http://127.0.0.1:1"}',
          quarantinedBoot: 0,
        },
      ],
      endpoints: { agreed: 1, asked: 1 },
    }
    expect(facts).toEqual(expected)
    expect(entitled(facts).map(({ id }) => id)).toEqual([node.id])
    expect(encodeCbor(JSON.parse(JSON.stringify(facts))).length).toBeGreaterThan(0)
  })

  it('tells what earlier votes left on a node', async () => {
    await chain.register(node)
    await chain.place(node, 'active', { silent: true, lastEpoch: 1 })
    const round = await open().readRound()
    expect(round.standings.get(node.id)).toMatchObject({ silent: true, lastEpoch: 1, entitledSince: 1, bonded: true })
    expect(round.minEpochSeconds).toBe(10)
  })

  it('asks for the head alone while no new block came', async () => {
    const ledger = open([proxy.url])
    const first = await ledger.readFacts()
    proxy.passed.length = 0
    expect(await ledger.readFacts()).toBe(first)
    expect(proxy.passed).toEqual(['eth_getBlockByNumber'])
    await chain.rpc('evm_mine')
    expect((await ledger.readFacts()).block.number).toBe(first.block.number + 1)
    expect(proxy.passed.length).toBe(6)
  })

  it('reads a list of which an endpoint gives no whole page in one call', async () => {
    const versions = Array.from({ length: 12 }, (_, i) => i + 1)
    for (const version of versions) {
      const bulk = [sha256Hex(`${version}`), 'b'.repeat(128), `0x${'00'.repeat(4_096)}`] as const
      await chain.write(node.key, 'codeRegistry', 'publish', ['acme/bulk', 3, BigInt(version), ...bulk])
    }
    // All together are some 4 million gas.
    let gas = '0x180000'
    proxy.rewrite = (request) => {
      const [call, block] = request.params
      return request.method === 'eth_call' ? { ...request, params: [{ ...(call as object), gas }, block] } : request
    }
    const ledger = open([proxy.url])
    for (const _ of [1, 2]) {
      expect((await ledger.readFacts()).entries.map(({ version }) => version)).toEqual(versions)
      await chain.rpc('evm_mine')
    }
    gas = '0x6000'
    await expect(ledger.readFacts()).rejects.toMatchObject({ code: 'ledger/rpc-error' })
  })

  it('reads at an older block, and no further than the chain goes', async () => {
    const { block } = await publish(1n)
    await publish(2n)
    const ledger = open()
    expect((await ledger.readFacts({ block })).entries.map(({ version }) => version)).toEqual([1])
    expect((await ledger.readFacts()).entries.length).toBe(2)
    const ahead = ledger.readFacts({ block: block + 1000 })
    await expect(ahead).rejects.toMatchObject({ code: 'ledger/unknown-block', kind: 'unavailable' })
  })

  it('acts on a block only when it has the wanted confirmations', async () => {
    const ledger = open(undefined, { confirmations: 3 })
    await expect(ledger.readFacts()).rejects.toMatchObject({ code: 'ledger/unknown-block', kind: 'unavailable' })
    await chain.rpc('anvil_mine', '0x2')
    const { block } = await publish(1n)
    expect((await ledger.readFacts()).entries).toEqual([])
    await chain.rpc('anvil_mine', '0x2')
    expect((await ledger.readFacts()).block.number).toBe(block)
  })

  it('reads lists of many pages', async () => {
    const [from] = (await chain.rpc('eth_accounts')) as [Hex]
    const to = chain.deployment.codeRegistry
    await chain.rpc('evm_setAutomine', false)
    for (let version = 1n; version <= 401n; version++) {
      const args = ['many', 6, version, sha256Hex(`${version}`), 'bafy', '0x'] as const
      const data = encodeFunctionData({ abi: codeRegistryAbi, functionName: 'publish', args })
      await chain.rpc('eth_sendTransaction', { from, to, data, gas: '0x80000' })
      if (version % 40n === 0n || version === 401n) await chain.rpc('evm_mine')
    }
    await chain.rpc('evm_setAutomine', true)
    const { entries } = await open().readFacts()
    expect(entries.map(({ version }) => version)).toEqual(Array.from({ length: 401 }, (_, i) => i + 1))
    expect(entries.filter(({ status }) => status === 'current').length).toBe(1)
  })

  it('believes its only endpoint: an entry that a proxy adds is there at the next block', async () => {
    await publish(1n)
    const ledger = open([proxy.url])
    expect((await ledger.readFacts()).entries.length).toBe(1)
    proxy.alter = addEntry
    await chain.rpc('evm_mine')
    expect((await ledger.readFacts()).entries.map(({ name }) => name)).toEqual(['acme/hello', 'mallory/bad'])
  })
})

describe('several endpoints', () => {
  it('refuse an answer on which they disagree', async () => {
    await publish(1n)
    const ledger = open([chain.anvil.url, proxy.url])
    expect((await ledger.readFacts()).entries.length).toBe(1)
    proxy.alter = addEntry
    await chain.rpc('evm_mine')
    await expect(ledger.readFacts()).rejects.toMatchObject({ code: 'ledger/endpoints-disagree', kind: 'unavailable' })
  })

  it('refuse a block on which they disagree', async () => {
    proxy.alter = ({ method }, result) =>
      method === 'eth_getBlockByNumber' ? { ...(result as object), hash: sha256Hex('another') } : result
    const reads = open([chain.anvil.url, proxy.url]).readFacts()
    await expect(reads).rejects.toMatchObject({ code: 'ledger/endpoints-disagree' })
  })

  it('are read at the head of the one that is behind', async () => {
    const { block } = await publish(1n)
    await publish(2n)
    proxy.alter = ({ method, params }, result) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest'
        ? { ...(result as object), number: `0x${block.toString(16)}` }
        : result
    expect((await open([chain.anvil.url, proxy.url]).readFacts()).block.number).toBe(block)
  })

  it('go on without a dead one only while most of them answer', async () => {
    const dead = 'http://127.0.0.1:9'
    const { endpoints } = await open([dead, chain.anvil.url, proxy.url]).readFacts()
    expect(endpoints).toEqual({ agreed: 2, asked: 3 })
    for (const urls of [[dead], [dead, chain.anvil.url], [dead, dead, chain.anvil.url]]) {
      const reads = open(urls).readFacts()
      await expect(reads).rejects.toMatchObject({ code: 'ledger/unreachable', kind: 'unavailable' })
    }
  })
})

describe('a ledger', () => {
  it('finds one entry by its digest', async () => {
    await publish(1n)
    const [entry] = (await open().readFacts()).entries
    expect(await open().readEntry(entry!.digest)).toEqual(entry)
    expect(await open().readEntry(ZERO)).toBeUndefined()
  })

  it('reads closed epochs: seed, root, document and the block that closed each', async () => {
    await chain.register(node)
    const seeds = [await chain.read('attestation', 'seedOf', [1])]
    const expected = []
    for (let number = 1; number <= 18; number++) {
      await chain.elapse(MIN_EPOCH_SECONDS)
      const [root, leaves] = [sha256Hex(`root ${number}`), sha256Hex(`leaves ${number}`)]
      await chain.write(node.key, 'attestation', 'closeEpoch', [number, root, leaves, []])
      const closedAt = (await open().readFacts()).block
      expected.push({ number, seed: seeds.at(-1), root, leaves, closedAt })
      seeds.push(await chain.read('attestation', 'seedOf', [number + 1]))
    }
    const ledger = open([chain.anvil.url, proxy.url])
    expect(await ledger.readEpochs(1, 40)).toEqual(expected)
    expect(await ledger.readEpochs(2, 3)).toEqual(expected.slice(1, 3))
    expect(await ledger.readEpochs(1, 40, { block: expected[4]!.closedAt.number })).toEqual(expected.slice(0, 5))
    expect(await ledger.readEpochs(19, 20)).toEqual([])
    proxy.alter = ({ method }, logs) =>
      method === 'eth_getLogs'
        ? (logs as { data: Hex }[]).map((log) => ({ ...log, data: ZERO + log.data.slice(66) }))
        : logs
    await expect(ledger.readEpochs(1, 2)).rejects.toMatchObject({ code: 'ledger/endpoints-disagree' })
    for (const lie of [null, [], [{}], [{ topics: [], data: '0x' }]]) {
      proxy.alter = ({ method }, result) => (method === 'eth_getLogs' ? lie : result)
      const read = open([proxy.url]).readEpochs(1, 2)
      await expect(read, JSON.stringify(lie)).rejects.toMatchObject({ code: 'ledger/malformed-answer' })
    }
  })

  it('finds a block by its number', async () => {
    const { block } = await open().readFacts()
    expect(await open().readBlock(block.number)).toEqual(block)
    expect(await open().readBlock(block.number + 1000)).toBeUndefined()
  })

  it('refuses another chain, and a chain without the contracts', async () => {
    const { deployment } = chain
    const elsewhere = open(undefined, { deployment: { ...deployment, chainId: 1 } })
    await expect(elsewhere.readFacts()).rejects.toMatchObject({ code: 'ledger/wrong-chain', kind: 'refused' })
    const nothing = open(undefined, { deployment: { ...deployment, attestation: node.operator } })
    await expect(nothing.readFacts()).rejects.toMatchObject({ code: 'ledger/no-contract' })
  })

  it('refuses answers that are none', async () => {
    for (const lie of ['0x1234', 'text', 7, null, `0x${'ff'.repeat(64)}`]) {
      proxy.alter = ({ method }, result) => (method === 'eth_call' ? lie : result)
      await expect(open([proxy.url]).readFacts(), String(lie)).rejects.toMatchObject({
        code: 'ledger/malformed-answer',
      })
    }
  })

  it('tells when the endpoint answers with an error', async () => {
    proxy.alter = ({ method, params }, result) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest'
        ? { ...(result as object), hash: sha256Hex('no such block') }
        : result
    const reads = open([proxy.url]).readFacts()
    await expect(reads).rejects.toMatchObject({ code: 'ledger/rpc-error', kind: 'unavailable' })
  })

  it('stops waiting when aborted', async () => {
    const reason = new Error('enough')
    const reads = open().readFacts({ signal: AbortSignal.abort(reason) })
    await expect(reads).rejects.toBe(reason)
    await expect(open(undefined, { signal: AbortSignal.abort(reason) }).readFacts()).rejects.toBe(reason)
  })
})
