import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublicClient, encodeFunctionResult, type Hex, http, parseAbi } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startChain } from '../chain.ts'
import { openPaths } from '../paths.ts'
import { Supervisor } from '../processes/supervisor.ts'
import { createRpcProxy, type RpcProxy } from './rpc-proxy.ts'

const ABI = parseAbi([
  'struct Entry { string name; bytes32 sha256; bytes grants; }',
  'function list(uint256 offset, uint256 limit) view returns (Entry[] entries, uint256 total)',
])
const REGISTRY = '0x00000000000000000000000000000000000c0de0'
const GENUINE = { name: 'echo', sha256: `0x${'11'.repeat(32)}`, grants: '0x80' } as const
const BAD = { name: 'bad', sha256: `0x${'66'.repeat(32)}`, grants: '0x80' } as const

type Answer = [entries: { name: string; sha256: Hex; grants: Hex }[], total: bigint]

let folder: string
let supervisor: Supervisor
let proxy: RpcProxy
let chainUrl: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-rpc-'))
  const paths = openPaths(folder)
  supervisor = new Supervisor(paths)
  chainUrl = (await startChain({ supervisor, folder: paths.chain, port: 0 })).url
  await fetch(chainUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'anvil_setCode',
      params: [REGISTRY, codeReturning([[GENUINE], 1n])],
    }),
  })
  proxy = await createRpcProxy({ target: chainUrl })
})

afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await supervisor?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** A contract that answers whatever it is asked with these values. */
function codeReturning([entries, total]: Answer): Hex {
  const data = encodeFunctionResult({ abi: ABI, functionName: 'list', result: [entries, total] }).slice(2)
  const size = (data.length / 2).toString(16).padStart(4, '0')
  // PUSH2 size, PUSH2 15, PUSH1 0, CODECOPY, PUSH2 size, PUSH1 0, RETURN
  return `0x61${size}61000f60003961${size}6000f3${data}`
}

function read(url: string, batch = false): Promise<readonly [readonly { name: string; grants: Hex }[], bigint]> {
  const client = createPublicClient({ transport: http(url, { batch, retryCount: 0 }) })
  return client.readContract({ address: REGISTRY, abi: ABI, functionName: 'list', args: [0n, 10n] })
}

test('an RPC proxy passes the real chain on until it is told to lie', async () => {
  expect(await read(proxy.url)).toEqual(await read(chainUrl))
})

test('it adds an entry that the chain never held, and is honest again when told so', async () => {
  const alter = (answer: unknown) => {
    const [entries, total] = answer as Answer
    return [[...entries, BAD], total + 1n]
  }
  proxy.lie([{ to: REGISTRY, abi: ABI[0], alter }])
  const [entries, total] = await read(proxy.url)
  expect(entries.map(({ name }) => name)).toEqual(['echo', 'bad'])
  expect(total).toBe(2n)
  expect(proxy.told).toBe(1)
  expect((await read(chainUrl))[0]).toHaveLength(1)

  proxy.lie([])
  expect((await read(proxy.url))[0]).toHaveLength(1)
})

test('it widens the grants of a genuine entry, in a batch as well, and leaves other calls alone', async () => {
  const alter = (answer: unknown) => {
    const [entries, total] = answer as Answer
    return [entries.map((entry) => ({ ...entry, grants: '0x8163' })), total]
  }
  proxy.lie([{ to: REGISTRY.toUpperCase().replace('0X', '0x'), abi: ABI[0], alter }])
  const batched = createPublicClient({ transport: http(proxy.url, { batch: true, retryCount: 0 }) })
  const [lied, chainId] = await Promise.all([read(proxy.url, true), batched.getChainId()])
  expect(lied[0][0]).toMatchObject({ name: 'echo', grants: '0x8163' })
  expect(chainId).toBe(31337)
  proxy.lie([])
})

test('it answers 502 when the chain is down', async () => {
  await using down = await createRpcProxy({ target: 'http://127.0.0.1:1' })
  const response = await fetch(down.url, { method: 'POST', body: '{}' })
  expect(response.status).toBe(502)
})
