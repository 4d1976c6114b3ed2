import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createWitness } from '@teapot-network/sdk'
import { encodeCbor, runDigest, type SignedCheckpoint } from '@teapot-network/trust'
import { encodeCheckpoint } from '@teapot-network/trust/encode'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type * as Chains from '../../../ledger/testing/chain.ts'
import type * as Proofs from '../../../ledger/testing/proof.ts'
import { keepEquivocations } from '../network.ts'
import { teapotIn } from '../teapot.fixture.ts'

const testing = (file: string) =>
  import(new URL(`../testing/${file}`, import.meta.resolve('@teapot-network/ledger')).href)
const { createNode, startChain, ZERO }: typeof Chains = await testing('chain.ts')
const { createRun, RUNTIME_R, signCheckpoint }: typeof Proofs = await testing('proof.ts')

let folder: string
let chain: Chains.Chain
let node: Chains.TestNode
let runs: Proofs.TestRun[]
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-convict-'))
  node = await createNode('a')
  chain = await startChain({ genesis: [node] })
  await chain.register(node)
  runs = [createRun(chain, node, []), createRun(chain, node, [])]
  const network = { rpcUrls: [chain.anvil.url], deployment: chain.deployment, keys: { developer: chain.committee } }
  writeFileSync(join(folder, 'network.json'), JSON.stringify(network))
})
afterAll(async () => {
  await chain?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function signed({ evidence, receiptKey }: Proofs.TestRun, size: number): SignedCheckpoint {
  const header = { node: node.id, log: evidence.checkpoint.log, run: runDigest(evidence.keys), sequence: 90_000, size }
  return signCheckpoint(receiptKey, { ...header, root: RUNTIME_R, previousRoot: ZERO })
}

const convict = (...argv: string[]) => teapotIn(folder, ['node', 'convict', ...argv, '--network', 'network.json'])

it('a client keeps two versions of a log, and the ledger convicts their node by that file', async () => {
  const witness = keepEquivocations(createWitness(), folder)
  const see = (by: Proofs.TestRun, size: number) => witness.see(signed(by, size), by.evidenceBytes, async () => [])
  await see(runs[0]!, 9)
  const [file] = (await see(runs[1]!, 10).catch(({ message }: Error) => message.match(/\S+\.equivocation$/)))!
  expect(await convict(file)).toMatchObject({
    code: 0,
    said: expect.stringMatching(/90000 of its log \d+ .*\nnothing sent/s),
  })
  expect(await chain.read('nodeRegistry', 'bondOf', [node.id])).toBeGreaterThan(0n)
  const { code, said } = await convict(file, '--yes', '--json')
  expect([code, JSON.parse(said)]).toEqual([0, expect.objectContaining({ node: node.id, sent: true })])
  expect(await chain.read('nodeRegistry', 'bondOf', [node.id])).toBe(0n)
  expect(await convict(file, '--yes')).toMatchObject({ code: 1, said: expect.stringContaining('LogSettled') })
})

it('writes what the ledger says, by which a proof of another network is refused offline', async () => {
  const facts = await teapotIn(folder, ['ledger', 'facts', '--network', 'network.json', '--out', 'l.json'])
  expect(facts).toMatchObject({ code: 0, out: expect.stringMatching(/^l.json: block \d+, 0 entries, 1 nodes/) })
  const known = JSON.parse(readFileSync(join(folder, 'l.json'), 'utf8'))
  expect(known).toMatchObject({ facts: { nodes: [{ id: node.id }], endpoints: { agreed: 1, asked: 1 } }, epochs: [] })
  const proof = fileURLToPath(new URL('../../../spec/vectors/standing.proof', import.meta.url))
  const { code, out } = await teapotIn(folder, ['proof', 'verify', proof, '--ledger', 'l.json'])
  expect([code, out]).toEqual([1, expect.stringContaining(`Expected chain 31337, registry ${known.facts.registry}`)])
})

it('shows what a node says of itself in its own lines, and takes no more of it than a status', async () => {
  const told = { name: 'n\u001b[2J\naffirming: all holds', boot: 65_536, epoch: 3, peers: 2, isolation: 'user' }
  const whole = { ...told, id: 'another', ledger: 'active', loaded: [], receipts: { log: 1, size: 2 } }
  let answer: (response: ServerResponse) => void
  const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const http = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await chain.write(node.key, 'nodeRegistry', 'setContact', [JSON.stringify({ http })])
    const status = (...more: string[]) =>
      teapotIn(folder, ['node', 'status', node.id, '--network', 'network.json', ...more])
    answer = (response) => response.end(JSON.stringify(whole))
    const { code, said } = await status()
    expect([code, said.split('\n')[0]]).toEqual([0, `n\ufffd[2J\ufffdaffirming: all holds  ${node.id}`])
    const json = JSON.parse((await status('--json')).out)
    expect(json).toMatchObject({ name: told.name, id: node.id, ledger: expect.not.stringMatching(/^active$/) })
    for (const [reply, why] of [
      [(to) => to.end('x'.repeat((1 << 20) + 1)), 'sdk/answer-too-large'],
      [(to) => to.writeHead(302, { location: '/elsewhere' }).end(), 'sdk/node-unreachable'],
      [(to) => to.end(JSON.stringify(told)), 'sdk/bad-answer'],
    ] as [typeof answer, string][]) {
      answer = reply
      expect((await status()).said).toContain(why)
    }
  } finally {
    server.close().closeAllConnections()
  }
})

it('takes nothing but two checkpoints that contradict each other', async () => {
  const pair = (by: Proofs.TestRun, size: number, { evidenceBytes } = by) => [
    encodeCheckpoint(signed(by, size)),
    evidenceBytes,
  ]
  const [one, other] = runs as [Proofs.TestRun, Proofs.TestRun]
  for (const [file, code] of [
    [encodeCbor([pair(one, 9), pair(one, 9)]), 'sdk/equivocation-malformed'],
    [encodeCbor([pair(one, 9)]), 'sdk/equivocation-malformed'],
    [encodeCbor([pair(one, 9), pair(one, 10, other)]), 'sdk/checkpoint-unsigned'],
    [Uint8Array.of(0x82), 'cbor/malformed'],
  ] as const) {
    writeFileSync(join(folder, 'bad'), file)
    expect(await convict('bad', '--yes')).toMatchObject({ code: 1, said: expect.stringContaining(code) })
  }
})
