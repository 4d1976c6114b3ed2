import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Chain, chainOf, createNode, keyOf, sha256Hex, startChain } from '../testing/chain.ts'
import { cutting, type RpcProxy, startProxy } from '../testing/proxy.ts'
import { startAnvil } from './anvil.ts'
import { createFollower, type EventBlock, type Follower, type FollowerOptions } from './follower.ts'

let chain: Chain
let proxy: RpcProxy
let folder: string
let snapshot: unknown
let releases = 0

beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain?.[Symbol.asyncDispose]())
beforeEach(async () => {
  snapshot = await chain.rpc('evm_snapshot')
  folder = await mkdtemp(join(tmpdir(), 'teapot-follower-'))
  proxy = await startProxy(() => chain.anvil.url)
})
afterEach(async () => {
  await proxy[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
  await chain.rpc('evm_revert', snapshot)
})

/** What a reader makes of the events: names of releases by block, undone when told so. */
function createView() {
  const told: { block: number; hash: string; version: bigint }[] = []
  const rollbacks: number[] = []
  return {
    told,
    rollbacks,
    versions: () => told.map(({ version }) => version),
    onBlock(block: EventBlock) {
      for (const event of block.events) {
        if (event.contract !== 'codeRegistry' || event.eventName !== 'Published') continue
        told.push({ block: block.number, hash: block.hash, version: event.args.version })
      }
    },
    onRollback(number: number) {
      rollbacks.push(number)
      while (told.length > 0 && told.at(-1)!.block > number) told.pop()
    },
  }
}

const follow = (view: Partial<FollowerOptions> & Pick<FollowerOptions, 'onBlock'>, of: Chain = chain) =>
  createFollower({
    rpcUrls: [of.anvil.url],
    deployment: of.deployment,
    cursorFile: join(folder, 'cursor.json'),
    pollMs: 20,
    ...view,
  })
function publish(of: Chain = chain) {
  const version = BigInt(++releases)
  const args = ['acme/hello', 3, version, sha256Hex(`${version}`), 'bafy', '0x'] as const
  return of.write(keyOf('publisher'), 'codeRegistry', 'publish', args)
}
const headNumber = async (of: Chain = chain) => Number(await of.rpc('eth_blockNumber'))
const caughtUp = async (follower: Follower, of: Chain = chain) => follower.reached(await headNumber(of))

describe('a follower', () => {
  it('tells each event once, in order, with its contract and arguments', async () => {
    const blocks: EventBlock[] = []
    await publish()
    const node = await createNode('node')
    const { block } = await chain.register(node)
    await using follower = await follow({ onBlock: (told) => void blocks.push(told) })
    await caughtUp(follower)
    const last = blocks.at(-1)!
    expect(last.number).toBe(block)
    expect(last.events).toMatchObject([
      { contract: 'nodeRegistry', eventName: 'NodeRegistered', args: { id: node.id, akX: node.akX } },
      { contract: 'nodeRegistry', eventName: 'BondDeposited', args: { id: node.id } },
    ])
    const names = blocks.flatMap(({ events }) => events.map(({ eventName }) => eventName))
    expect(names.filter((name) => name !== 'OwnershipTransferred')).toEqual([
      'Published',
      'NodeRegistered',
      'BondDeposited',
    ])
  })

  it('undoes what a reorg took away, and tells what came instead', async () => {
    const view = createView()
    const { block: kept } = await publish()
    await publish()
    await publish()
    await using follower = await follow(view)
    await caughtUp(follower)
    expect(view.told.length).toBe(3)
    await chain.rpc('anvil_reorg', 2, [])
    await publish()
    await caughtUp(follower)
    await expect.poll(() => view.versions()).toEqual([BigInt(releases - 3), BigInt(releases)])
    expect(view.rollbacks).toEqual([kept])
  })

  it('goes on after a restart where it was, though a reorg happened meanwhile', async () => {
    const view = createView()
    {
      await publish()
      await publish()
      await using follower = await follow(view)
      await caughtUp(follower)
    }
    {
      await publish()
      await using follower = await follow(view)
      await caughtUp(follower)
    }
    expect(view.versions()).toEqual([releases - 2, releases - 1, releases].map(BigInt))
    await chain.rpc('anvil_reorg', 1, [])
    await publish()
    await using follower = await follow(view)
    await caughtUp(follower)
    await expect.poll(() => view.versions()).toEqual([releases - 3, releases - 2, releases].map(BigInt))
  })

  it('goes on when the chain goes away, restarts and comes back', async () => {
    const statePath = join(folder, 'state.json')
    const first = await startChain({ statePath })
    let { url } = first.anvil
    await using way = await startProxy(() => url)
    const view = createView()
    const problems: Error[] = []
    await using follower = await follow(
      { ...view, rpcUrls: [way.url], onProblem: (error) => void problems.push(error) },
      first,
    )
    await publish(first)
    await caughtUp(follower, first)
    await first[Symbol.asyncDispose]()
    await expect.poll(() => problems.map((error) => (error as { code?: string }).code)).toEqual(['ledger/unreachable'])
    await using anvil = await startAnvil({ statePath })
    const again = chainOf(anvil, first)
    url = anvil.url
    await publish(again)
    await caughtUp(follower, again)
    expect(view.versions()).toEqual([releases - 1, releases].map(BigInt))
  })

  it('tells an outage once, whatever it was about to ask', async () => {
    const problems: Error[] = []
    await publish()
    const cuts = new Map([['eth_getLogs', 2]])
    proxy.rewrite = cutting(cuts)
    await using follower = await follow({
      ...createView(),
      rpcUrls: [proxy.url],
      onProblem: (error) => {
        if (problems.push(error) === 1) cuts.set('eth_getBlockByNumber', 2)
      },
    })
    await caughtUp(follower)
    expect([...cuts.values()]).toEqual([0, 0])
    expect(problems).toMatchObject([{ code: 'ledger/unreachable' }])
  })

  it('uses the next endpoint when one is dead', async () => {
    const view = createView()
    await using follower = await follow({ ...view, rpcUrls: ['http://127.0.0.1:9', proxy.url] })
    await publish()
    await caughtUp(follower)
    expect(view.told.length).toBe(1)
  })

  it('undoes nothing when an endpoint is merely behind', async () => {
    const view = createView()
    await publish()
    const behind = await chain.rpc('eth_getBlockByNumber', 'latest', false)
    await publish()
    await using follower = await follow({ ...view, rpcUrls: [proxy.url] })
    await caughtUp(follower)
    proxy.alter = ({ method, params }, result) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest' ? behind : result
    proxy.passed.length = 0
    await expect.poll(() => proxy.passed.length).toBeGreaterThan(3)
    expect(view.rollbacks).toEqual([])
    expect(view.told.length).toBe(2)
  })

  it('tells a block again when its reader failed on it', async () => {
    const view = createView()
    const problems: string[] = []
    let failures = 2
    const onBlock = (block: EventBlock) => {
      if (block.events[0]?.eventName === 'Published' && failures-- > 0) throw new Error('reader failed')
      view.onBlock(block)
    }
    await publish()
    await publish()
    await using follower = await follow({ onBlock, onProblem: (error) => void problems.push(error.message) })
    await caughtUp(follower)
    expect(view.versions()).toEqual([releases - 1, releases].map(BigInt))
    expect(problems).toEqual(['reader failed'])
  })

  it('reads ranges below finality, and misses nothing there', async () => {
    const view = createView()
    await publish()
    await chain.rpc('anvil_mine', '0x40')
    await publish()
    await chain.rpc('anvil_mine', '0x40')
    proxy.passed.length = 0
    const head = await headNumber()
    await using follower = await follow({ ...view, rpcUrls: [proxy.url], finalityDepth: 8 })
    // All in its first look: it has asked for nothing since.
    await follower.reached(head)
    expect(view.versions()).toEqual([releases - 1, releases].map(BigInt))
    expect(proxy.passed.length).toBeLessThan(30)
  })

  it('believes no logs of a block that the chain does not hold', async () => {
    const view = createView()
    await publish()
    proxy.alter = ({ method }, result) =>
      method === 'eth_getLogs'
        ? (result as object[]).map((log) => ({ ...log, blockHash: sha256Hex('elsewhere') }))
        : result
    await using follower = await follow({ ...view, rpcUrls: [proxy.url] })
    await expect.poll(() => proxy.passed.filter((method) => method === 'eth_getLogs').length).toBeGreaterThan(2)
    expect(view.told).toEqual([])
    proxy.alter = (_, result) => result
    await caughtUp(follower)
    expect(view.told.length).toBe(1)
  })

  it('goes on when an endpoint sends logs that are none', async () => {
    await publish()
    const good = ((await chain.rpc('eth_getLogs', { fromBlock: '0x0', toBlock: 'latest' })) as object[]).at(-1)!
    const odd = [{}, null, { ...good, topics: 7 }, { ...good, topics: [] }, { ...good, data: '0x1' }]
    for (const lie of [7, ...odd.map((log) => [log]), [{ ...good, address: `0x${'00'.repeat(20)}` }]]) {
      const problems: (string | undefined)[] = []
      const view = createView()
      proxy.alter = ({ method }, result) => (method === 'eth_getLogs' ? lie : result)
      const cursorFile = join(folder, `${Math.random()}.json`)
      const onProblem = (error: Error & { code?: string }) => void problems.push(error.code)
      await using follower = await follow({ ...view, rpcUrls: [proxy.url], cursorFile, onProblem })
      await expect.poll(() => problems, { message: JSON.stringify(lie) }).toContain('ledger/malformed-answer')
      proxy.alter = (_, result) => result
      await caughtUp(follower)
      expect(view.told.length).toBe(1)
    }
  })

  it('refuses a cursor that it cannot read', async () => {
    await writeFile(join(folder, 'cursor.json'), '{')
    await expect(follow(createView())).rejects.toMatchObject({ code: 'ledger/cursor-malformed' })
  })

  it('stops waiting when aborted or disposed', async () => {
    const follower = await follow(createView())
    const reason = new Error('enough')
    await expect(follower.reached(1e9, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const waiting = follower.reached(1e9)
    await Promise.all([expect(waiting).rejects.toMatchObject({ name: 'AbortError' }), follower[Symbol.asyncDispose]()])
  })

  it('ends with exactly what the chain holds, after any run of writes, reorgs and restarts', {
    timeout: 300_000,
  }, async () => {
    const step = fc.constantFrom('publish', 'reorg', 'restart', 'look')
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), fc.uuid(), async (steps, name) => {
        const view = createView()
        const options = { ...view, finalityDepth: 16, cursorFile: join(folder, `${name}.json`) }
        let follower = await follow(options)
        const floor = await headNumber()
        for (const one of [...steps, 'publish']) {
          if (one === 'publish') await publish()
          else if (one === 'reorg' && (await headNumber()) >= floor + 2) await chain.rpc('anvil_reorg', 2, [])
          else if (one === 'look') await caughtUp(follower)
          else if (one === 'restart') {
            await follower[Symbol.asyncDispose]()
            follower = await follow(options)
          }
        }
        const logs = (await chain.rpc('eth_getLogs', {
          address: chain.deployment.codeRegistry,
          fromBlock: '0x0',
          toBlock: 'latest',
        })) as { blockHash: string; topics: string[] }[]
        const published = logs.filter(({ topics }) => topics.length === 4).map(({ blockHash }) => blockHash)
        await expect.poll(() => view.told.map(({ hash }) => hash)).toEqual(published)
        await follower[Symbol.asyncDispose]()
      }),
      { numRuns: 8 },
    )
  })
})
