import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Hex } from '@teapot-network/trust'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Chain, createNode, keyOf, sha256Hex, startChain, type TestNode } from '../testing/chain.ts'
import { encodeCall } from '../testing/encode-call.ts'
import { cutting, type RpcProxy, startProxy } from '../testing/proxy.ts'
import { fundAccounts } from './anvil.ts'
import { createTransactionQueue, type QueueOptions } from './transaction-queue.ts'

let chain: Chain
let node: TestNode
let proxy: RpcProxy
let folder: string
let queueFile: string
let snapshot: unknown

beforeAll(async () => {
  node = await createNode('node')
  chain = await startChain({ genesis: [node] })
  await chain.register(node)
})
afterAll(() => chain?.[Symbol.asyncDispose]())
beforeEach(async () => {
  snapshot = await chain.rpc('evm_snapshot')
  folder = await mkdtemp(join(tmpdir(), 'teapot-queue-'))
  queueFile = join(folder, 'queue.sqlite')
  proxy = await startProxy(() => chain.anvil.url)
})
afterEach(async () => {
  await proxy[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
  await chain.rpc('evm_setAutomine', true)
  await chain.rpc('anvil_dropAllTransactions')
  await chain.rpc('evm_revert', snapshot)
})

const options = (more: Partial<QueueOptions> = {}): QueueOptions => ({
  rpcUrls: [chain.anvil.url],
  deployment: chain.deployment,
  privateKey: node.key,
  queueFile,
  pollMs: 20,
  ...more,
})
const open = (more?: Partial<QueueOptions>) => createTransactionQueue(options(more))
const setContact = (contact: string) =>
  ({ contract: 'nodeRegistry', functionName: 'setContact', args: [contact] }) as const
const publish = (version: bigint) =>
  ({
    contract: 'codeRegistry',
    functionName: 'publish',
    args: ['acme/hello', 3, version, sha256Hex(`${version}`), 'bafy', '0x'],
  }) as const
const approve = (version: bigint) =>
  ({ contract: 'codeRegistry', functionName: 'approve', args: [sha256Hex('acme/hello'), version] }) as const
const contact = async () => (await chain.read('nodeRegistry', 'list', [0n, 1n]))[0][0]!.contact
const entries = async () => (await chain.read('codeRegistry', 'list', [0n, 99n]))[0]
const nonce = async (block = 'latest') =>
  Number(await chain.rpc('eth_getTransactionCount', privateKeyToAccount(node.key).address, block))
const waitForPool = () => expect.poll(() => chain.rpc('txpool_status')).not.toMatchObject({ pending: '0x0' })

describe('a transaction queue', () => {
  it('pays what a call is worth, and joins no calls that pay otherwise', async () => {
    await using queue = open()
    const deposit = { contract: 'nodeRegistry', functionName: 'deposit', args: [] } as const
    const before = await chain.read('nodeRegistry', 'bondOf', [node.id])
    await Promise.all([5n, 7n, 7n].map((valueWei) => queue.send({ ...deposit, valueWei })))
    expect(await chain.read('nodeRegistry', 'bondOf', [node.id])).toBe(before + 12n)
  })

  it('sends a call and tells the block that holds it', async () => {
    await using queue = open()
    const receipt = await queue.send(setContact('one'))
    expect(await contact()).toBe('one')
    const { blockHash } = (await chain.rpc('eth_getTransactionReceipt', receipt.transaction)) as { blockHash: string }
    expect(receipt).toMatchObject({ blockHash, block: Number(await chain.rpc('eth_blockNumber')) })
    expect(queue.pending).toBe(0)
  })

  it('sends many at once, in order, also those that lean on earlier ones', async () => {
    await using queue = open({ privateKey: chain.committee })
    const versions = Array.from({ length: 20 }, (_, i) => BigInt(i + 1))
    await Promise.all(versions.flatMap((version) => [queue.send(publish(version)), queue.send(approve(version))]))
    expect((await entries()).map(({ version }) => version)).toEqual(versions)
    expect((await entries()).at(-1)!.status).toBe(2)
  })

  it('holds a call back that leans on one under way, where the endpoint knows no pending state', async () => {
    await chain.rpc('evm_setAutomine', false)
    let estimates = 0
    proxy.rewrite = (request) => {
      if (request.method !== 'eth_estimateGas') return request
      estimates++
      return { ...request, params: [request.params[0], 'latest'] }
    }
    await using queue = open({ privateKey: chain.committee, rpcUrls: [proxy.url] })
    const published = queue.send(publish(1n))
    const approved = queue.send(approve(1n))
    await expect.poll(() => estimates).toBeGreaterThan(3)
    expect(queue.pending).toBe(2)
    await chain.rpc('evm_setAutomine', true)
    await chain.rpc('evm_mine')
    await Promise.all([published, approved])
    expect((await entries())[0]!.status).toBe(2)
  })

  it('tells a refusal by its name and arguments, and goes on with the next', async () => {
    await using queue = open()
    const refused = queue.send(publish(0n))
    const accepted = queue.send(publish(1n))
    await expect(refused).rejects.toMatchObject({
      code: 'ledger/reverted',
      errorName: 'VersionNotNewer',
      args: [0n, 0n],
    })
    await accepted
    expect((await entries()).length).toBe(1)
  })

  describe.each([
    ['the trace of it', 'debug_', /\)\. See/],
    ['another try, where no endpoint keeps traces', 'no_', /\), as block \d+ left it\. See/],
  ])('by %s a queue tells a refusal that only the block brought to light', (_, prefix, message) => {
    /** Puts a call by the chain's own account into the block before or after what the queue sent. */
    async function meet(call: ReturnType<typeof publish>, gasPrice: string) {
      const [from] = (await chain.rpc('eth_accounts')) as [string]
      const data = encodeCall(call.contract, call.functionName, call.args)
      const to = chain.deployment.codeRegistry
      await chain.rpc('eth_sendTransaction', { from, to, data, gas: '0x80000', gasPrice })
    }
    const openLate = (privateKey: Hex) => {
      proxy.rewrite = (request) => ({ ...request, method: request.method.replace('debug_', prefix) })
      return open({ privateKey, rpcUrls: [proxy.url] })
    }
    beforeEach(() => chain.rpc('evm_setAutomine', false))

    it('as someone was faster', async () => {
      await using queue = openLate(keyOf('late'))
      await fundAccounts(chain.anvil.url, [queue.address])
      const late = queue.send(publish(1n))
      await waitForPool()
      await meet(publish(9n), '0x174876e800')
      await Promise.all([
        expect(late).rejects.toMatchObject({ errorName: 'NameTaken', message: expect.stringMatching(message) }),
        chain.rpc('evm_mine'),
      ])
    })

    it('though what it needed came later in the block', async () => {
      await meet(publish(1n), String(await chain.rpc('eth_gasPrice')))
      await using queue = openLate(chain.committee)
      const early = queue.send(approve(1n))
      await expect.poll(() => chain.rpc('txpool_status')).toMatchObject({ pending: '0x2' })
      await Promise.all([
        expect(early).rejects.toMatchObject({ errorName: 'UnknownRelease', message: expect.stringMatching(message) }),
        chain.rpc('evm_mine'),
      ])
    })
  })

  it('accepts while the chain is down, and sends when it comes up', async () => {
    proxy.down = true
    const problems: { code?: string }[] = []
    await using queue = open({ rpcUrls: [proxy.url], onProblem: (error) => void problems.push(error as object) })
    const sent = queue.send(setContact('through the outage'))
    await expect.poll(() => problems.map(({ code }) => code)).toEqual(['ledger/unreachable'])
    expect(queue.pending).toBe(1)
    proxy.down = false
    await sent
    expect(await contact()).toBe('through the outage')
  })

  it('tells an outage once, whatever it was about to ask', async () => {
    const problems: Error[] = []
    const cuts = new Map(['eth_blockNumber', 'eth_gasPrice', 'eth_estimateGas'].map((method) => [method, 2]))
    proxy.rewrite = cutting(cuts)
    await using queue = open({ rpcUrls: [proxy.url], onProblem: (error) => void problems.push(error) })
    await queue.send(setContact('at last'))
    expect([...cuts.values()]).toEqual([0, 0, 0])
    expect(problems).toMatchObject([{ code: 'ledger/unreachable' }])
  })

  it('goes on when the chain goes away between sending and mining', async () => {
    await chain.rpc('evm_setAutomine', false)
    await using queue = open({ rpcUrls: [proxy.url] })
    const sent = queue.send(setContact('still there'))
    await waitForPool()
    proxy.down = true
    await chain.rpc('evm_mine')
    proxy.down = false
    await sent
  })

  it('goes on after a restart, and sends nothing twice', async () => {
    await chain.rpc('evm_setAutomine', false)
    const before = await nonce()
    {
      await using queue = open()
      for (const text of ['a', 'b', 'c']) queue.send(setContact(text)).catch(() => {})
      await expect.poll(() => nonce('pending')).toBe(before + 3)
    }
    await using queue = open()
    expect(queue.pending).toBe(3)
    const joined = queue.send(setContact('c'))
    expect(queue.pending).toBe(3)
    await chain.rpc('evm_mine')
    await joined
    expect(await contact()).toBe('c')
    expect([await nonce(), queue.pending]).toEqual([before + 3, 0])
  })

  it('loses nothing that it accepted when its process is killed', async () => {
    const script = fileURLToPath(new URL('../testing/enqueue.ts', import.meta.url))
    proxy.down = true
    const args = [JSON.stringify(options({ rpcUrls: [proxy.url] })), JSON.stringify(setContact('survives'))]
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [said] = (await once(child.stdout, 'data')) as [Buffer]
      expect(said.toString()).toBe('accepted 1\n')
      expect(() => open()).toThrow(expect.objectContaining({ code: 'ledger/queue-locked' }))
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await using queue = open()
    expect(queue.pending).toBe(1)
    await expect.poll(contact).toBe('survives')
  })

  it('raises the fee of a transaction that is not mined', async () => {
    await chain.rpc('evm_setAutomine', false)
    await using queue = open({ replaceAfterMs: 300, rpcUrls: [proxy.url] })
    const before = await nonce()
    const sent = queue.send(setContact('dearer'))
    await waitForPool()
    const mineDear = async () => {
      await chain.rpc('anvil_setNextBlockBaseFeePerGas', '0x174876e800')
      await chain.rpc('evm_mine')
      return nonce()
    }
    // What it does not see it cannot be faster than.
    proxy.down = true
    expect(await mineDear()).toBe(before)
    proxy.down = false
    await expect.poll(mineDear).toBe(before + 1)
    await sent
    expect([await contact(), await nonce()]).toEqual(['dearer', before + 1])
  })

  it('sends again what a reorg took away', async () => {
    await using queue = open()
    await queue.send(setContact('one'))
    const { transaction } = await queue.send(setContact('two'))
    await chain.rpc('anvil_reorg', 2, [])
    const third = queue.send(setContact('three'))
    await third
    await expect.poll(() => chain.rpc('eth_getTransactionReceipt', transaction)).not.toBeNull()
    expect(await contact()).toBe('three')
  })

  it('takes another nonce when something else used its own', async () => {
    await chain.rpc('evm_setAutomine', false)
    await using queue = open()
    const before = await nonce()
    const sent = queue.send(setContact('after all'))
    await waitForPool()
    await chain.rpc('anvil_dropAllTransactions')
    const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 11n, gas: 21_000n }
    const foreign = { type: 'eip1559', chainId: 31337, nonce: before, to: queue.address, ...fees } as const
    await chain.rpc('eth_sendRawTransaction', await privateKeyToAccount(node.key).signTransaction(foreign))
    await chain.rpc('evm_mine')
    await chain.rpc('evm_setAutomine', true)
    // What came before that waits for a block.
    await chain.rpc('evm_mine')
    await sent
    expect([await contact(), await nonce()]).toEqual(['after all', before + 2])
  })

  it('is the only one to write to its file', async () => {
    await using _queue = open()
    expect(() => open()).toThrow(expect.objectContaining({ code: 'ledger/queue-locked', kind: 'refused' }))
  })

  it('refuses the file of another key or chain, and a file that is no queue', async () => {
    await open()[Symbol.asyncDispose]()
    const unreadable = expect.objectContaining({ code: 'ledger/queue-unreadable' })
    expect(() => open({ privateKey: keyOf('other') })).toThrow(unreadable)
    expect(() => open({ deployment: { ...chain.deployment, chainId: 1 } })).toThrow(unreadable)
    const garbage = join(folder, 'garbage')
    await writeFile(garbage, 'x'.repeat(5_000))
    expect(() => open({ queueFile: garbage })).toThrow(unreadable)
    expect(() => open({ queueFile: join(folder, 'no', 'such', 'folder') })).toThrow(unreadable)
  })

  it('sends nothing to another chain', async () => {
    const problems: { code?: string }[] = []
    const deployment = { ...chain.deployment, chainId: 1 }
    await using queue = open({ deployment, onProblem: (error) => void problems.push(error as object) })
    queue.send(setContact('elsewhere')).catch(() => {})
    await expect.poll(() => problems.map(({ code }) => code)).toContain('ledger/wrong-chain')
  })

  it('keeps what it accepted when it is closed, and says so to those who wait', async () => {
    proxy.down = true
    const queue = open({ rpcUrls: [proxy.url] })
    const closed = { code: 'ledger/queue-closed', kind: 'unavailable' }
    const reason = new Error('enough')
    const waiting = queue.send(setContact('later'))
    await expect(queue.send(setContact('later'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const impatient = queue.send(setContact('later'), { signal: AbortSignal.timeout(20) })
    await expect(impatient).rejects.toMatchObject({ name: 'TimeoutError' })
    await Promise.all([expect(waiting).rejects.toMatchObject(closed), queue[Symbol.asyncDispose]()])
    await expect(queue.send(setContact('no'))).rejects.toMatchObject(closed)
    await using again = open()
    await expect.poll(contact).toBe('later')
    await expect.poll(() => again.pending).toBe(0)
  })
})
