import { type LedgerFacts, type NodeId, sha256, TeapotError, toHex, utf8 } from '@teapot-network/trust'
import { encodeCallResponse } from '@teapot-network/trust/call'
import { describe, expect, it } from 'vitest'
import { createClient } from './client.ts'
import { genuine, genuineFacts, ledgerOf } from './genuine.fixture.ts'
import { proveResult } from './proof.ts'
import { serve, type TestServer } from './server.fixture.ts'

interface Behaviour {
  /** Answers `POST /v1/calls`; counts as reached. */
  call?: { status: number; body: Uint8Array }
}

/** A node that serves genuine evidence and answers calls as told. */
async function serveNode({ call }: Behaviour = {}): Promise<TestServer & { readonly calls: number }> {
  let calls = 0
  const server = await serve((request, response) => {
    if (request.url === '/healthz') return void response.end('ok\n')
    if (request.url!.startsWith('/ipfs/')) return void response.end(genuine.policy.bytes)
    if (request.url!.startsWith('/v1/evidence')) return void response.end(genuine.bytes)
    calls++
    response.writeHead(call?.status ?? 200).end(call?.body)
  })
  return {
    ...server,
    get calls() {
      return calls
    },
  }
}

const other: NodeId = toHex(sha256(utf8('other')))
const hello = { actor: 'hello', operation: 'greet', payload: utf8('Ada') }
const failure = (code: string): Uint8Array => utf8(JSON.stringify({ code, message: 'as told' }))

function clientOf(facts: LedgerFacts) {
  return createClient({ ledger: ledgerOf(() => facts), timeoutMs: 60_000, maxAgeMs: 60_000 })
}

describe('a client', () => {
  it('takes no result whose proof does not hold', async () => {
    const attested = { ...genuine, digest: other, node: {}, verdict: {}, facts: genuineFacts('http://127.0.0.1:1') }
    const answer = { claims: utf8('junk'), salt: new Uint8Array(16), receipt: utf8('junk'), trace: null }
    const proving = proveResult(hello as never, answer as never, attested as never)
    await expect(proving).rejects.toMatchObject({ code: 'sdk/proof-refused', verdict: { tier: 'none' } })
  })
  it("proves no other client's result", async () => {
    const foreign = clientOf(genuineFacts('http://127.0.0.1:1')).prove({} as never)
    await expect(foreign).rejects.toMatchObject({ code: 'sdk/unproven' })
  })
  it('finds no node where none is Active', async () => {
    const facts = genuineFacts('http://127.0.0.1:1')
    facts.nodes[0]!.status = 'quarantined'
    const client = clientOf(facts)
    expect(await client.nodes()).toEqual([])
    await expect(client.call(hello)).rejects.toMatchObject({ code: 'sdk/no-active-node', kind: 'unavailable' })
    const insisting = client.call({ ...hello, node: facts.nodes[0]!.id })
    await expect(insisting).rejects.toMatchObject({ code: 'sdk/node-not-active' })
  })

  it('asks no node for an actor that the ledger does not hold', async () => {
    await using server = await serveNode()
    const facts = genuineFacts(server.url)
    const unknown = { code: 'sdk/unknown-actor', kind: 'refused' }
    await expect(clientOf(facts).call({ ...hello, actor: 'nobody' })).rejects.toMatchObject(unknown)
    facts.entries = facts.entries.map((entry) => ({ ...entry, status: 'revoked' as const }))
    await expect(clientOf(facts).call(hello)).rejects.toMatchObject(unknown)
    expect(server.calls).toBe(0)
  })

  it('sends nothing to a node whose evidence does not hold, and says why', async () => {
    await using server = await serveNode()
    const facts = genuineFacts(server.url)
    facts.referenceValues = []
    const calling = clientOf(facts).call(hello)
    await expect(calling).rejects.toMatchObject({
      code: 'sdk/evidence-refused',
      skipped: [{ failure: { verdict: { tier: 'contraindicated' } } }],
    })
    expect(server.calls).toBe(0)
  })

  it('leaves a network whose Verifiers have died: no epoch opened for as long as the policy says', async () => {
    await using server = await serveNode({ call: { status: 503, body: failure('serve/busy') } })
    const facts = genuineFacts(server.url)
    const client = clientOf(facts)
    await expect(client.call(hello)).rejects.toMatchObject({ code: 'serve/busy' })
    const { block, epoch } = facts
    facts.block = { ...block, timestamp: epoch.openedAt + genuine.policy.policy.freshSeconds + 1 }
    const expired = {
      code: 'sdk/evidence-refused',
      message: expect.stringMatching(/Expected an epoch that opened at most/),
    }
    await expect(client.call(hello)).rejects.toMatchObject(expired)
    expect(server.calls).toBe(1)
  })

  it('passes over a node that shows the evidence of another', async () => {
    await using server = await serveNode()
    const facts = genuineFacts(server.url)
    facts.nodes = [{ ...facts.nodes[0]!, id: other }, ...facts.nodes]
    const calling = clientOf(facts).call({ ...hello, node: other })
    await expect(calling).rejects.toMatchObject({ code: 'sdk/evidence-refused', node: other })
    expect(server.calls).toBe(0)
  })

  it('does not take an answer that was not sealed for its request', async () => {
    await using server = await serveNode({ call: { status: 200, body: utf8('recorded') } })
    const calling = clientOf(genuineFacts(server.url)).call(hello)
    await expect(calling).rejects.toMatchObject({ name: 'TeapotError', kind: 'refused' })
    expect(server.calls).toBe(1)
  })

  it('never falls back to an unsealed call, whatever the node says instead of answering a sealed one', async () => {
    const plain = { outcome: 'ok', payload: utf8('Hello'), claims: utf8('x'), salt: new Uint8Array(16), receipt: null }
    const answers = [
      { status: 200, body: encodeCallResponse({ ...plain, id: '', trace: null, children: [] }) },
      ...[404, 405, 415, 426].map((status) => ({ status, body: failure('serve/no-such-route') })),
    ]
    for (const { status, body } of answers) {
      const posted: [path: string, body: string][] = []
      await using server = await serve(async (request, response) => {
        if (request.url === '/healthz') return void response.end('ok\n')
        if (request.method === 'POST') posted.push([request.url!, Buffer.concat(await request.toArray()).toString()])
        const document = request.url!.startsWith('/ipfs/') ? genuine.policy.bytes : genuine.bytes
        response.writeHead(request.method === 'POST' ? status : 200).end(request.method === 'POST' ? body : document)
      })
      const calling = clientOf(genuineFacts(server.url)).call(hello)
      await expect(calling).rejects.toBeInstanceOf(TeapotError)
      expect(posted).toEqual([['/v1/calls', expect.not.stringContaining('Ada')]])
    }
  })

  it('attests anew and tries once more when its seal is stale', async () => {
    await using server = await serveNode({ call: { status: 409, body: failure('serve/stale-seal') } })
    const calling = clientOf(genuineFacts(server.url)).call(hello)
    await expect(calling).rejects.toMatchObject({ code: 'serve/stale-seal' })
    expect(server.calls).toBe(2)
  })

  it('falls to the next node when one is unavailable', async () => {
    await using busy = await serveNode({ call: { status: 503, body: failure('serve/busy') } })
    const facts = genuineFacts(busy.url)
    facts.nodes.push({ ...facts.nodes[0]!, id: other })
    const calling = clientOf(facts).call(hello)
    await expect(calling).rejects.toMatchObject({ skipped: [{}, {}] })
    expect(busy.calls).toBe(1)
  })

  it('leaves a node in the block in which it is no longer Active, whatever it remembers of distances', async () => {
    await using server = await serveNode({ call: { status: 503, body: failure('serve/busy') } })
    let facts = genuineFacts(server.url)
    const client = createClient({ ledger: ledgerOf(() => facts), timeoutMs: 60_000, maxAgeMs: 60_000 })
    expect(await client.nearest()).toHaveLength(1)
    await expect(client.call(hello)).rejects.toMatchObject({ code: 'serve/busy' })
    facts = { ...facts, nodes: facts.nodes.map((node) => ({ ...node, status: 'suspect' })) }
    await expect(client.call(hello)).rejects.toMatchObject({ code: 'sdk/no-active-node' })
    expect(await client.nearest()).toEqual([])
    expect(server.calls).toBe(1)
  })

  it.each([
    ['serve/left-service', true, 'sdk/no-node-served'],
    ['serve/left-service', false, 'sdk/may-have-run'],
    ['serve/not-active', false, 'sdk/no-node-served'],
  ])(
    'moves on from a node that says %s, where the call is idempotent (%s) or ran nowhere',
    async (code, idempotent, as) => {
      await using left = await serveNode({ call: { status: 503, body: failure(code) } })
      const facts = genuineFacts(left.url)
      facts.nodes.push({ ...facts.nodes[0]!, id: other })
      await expect(clientOf(facts).call({ ...hello, idempotent })).rejects.toMatchObject({ code: as })
      expect(left.calls).toBe(1)
    },
  )

  it('does not call twice what must not run twice, when a node goes away under the call', async () => {
    await using server = await serve((request, response) => {
      if (request.url === '/v1/calls') response.destroy()
      else response.end(request.url!.startsWith('/ipfs/') ? genuine.policy.bytes : genuine.bytes)
    })
    const facts = genuineFacts(server.url)
    const calling = clientOf(facts).call({ ...hello, node: facts.nodes[0]!.id, idempotent: false })
    await expect(calling).rejects.toMatchObject({ code: 'sdk/may-have-run', cause: { code: 'sdk/node-unreachable' } })
  })

  it('says of whatever was sent and brought no result that it may have run, where it must not run twice', async () => {
    for (const call of [
      { status: 422, body: failure('host/trap') },
      { status: 500, body: failure('serve/fault') },
      { status: 200, body: utf8('recorded') },
      { status: 200, body: new Uint8Array(0) },
    ]) {
      await using server = await serveNode({ call })
      const calling = clientOf(genuineFacts(server.url)).call({ ...hello, idempotent: false })
      await expect(calling).rejects.toMatchObject({ code: 'sdk/may-have-run' })
      expect(server.calls).toBe(1)
    }
  })

  it('gives what all nodes say as the error, where they agree', async () => {
    await using busy = await serveNode({ call: { status: 503, body: failure('serve/busy') } })
    const calling = clientOf(genuineFacts(busy.url)).call(hello)
    await expect(calling).rejects.toMatchObject({ code: 'serve/busy', kind: 'unavailable' })
  })

  it('stops when told to', async () => {
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    await using server = await serve(() => controller.abort(reason))
    const calling = clientOf(genuineFacts(server.url)).call({ ...hello, signal: controller.signal })
    await expect(calling).rejects.toBe(reason)
  })
})
