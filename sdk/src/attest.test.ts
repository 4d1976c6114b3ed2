import { digestOf, type Hex, type LedgerFacts, sha256, toHex, utf8 } from '@teapot-network/trust'
import { describe, expect, it } from 'vitest'
import { attestNode } from './attest.ts'
import { createFactsCache, type FactsSource } from './facts.ts'
import { genuine, genuineFacts, ledgerOf } from './genuine.fixture.ts'
import { registeredNode } from './nodes.ts'
import { serve, type TestServer } from './server.fixture.ts'

interface Served {
  evidence?: Uint8Array
  policy?: Uint8Array
}

/** A node that serves genuine evidence, or what the test says. */
const serveNode = ({ evidence = genuine.bytes, policy = genuine.policy.bytes }: Served = {}): Promise<TestServer> =>
  serve((request, response) => void response.end(request.url!.startsWith('/ipfs/') ? policy : evidence))

function attest(server: TestServer, source: FactsSource, facts = genuineFacts(server.url)) {
  const node = registeredNode(facts, facts.nodes[0]!.id)
  const parts = { facts: createFactsCache(source), fetch, timeoutMs: 60_000, policies: new Map() }
  return attestNode(node, parts, { maxAgeMs: 0 })
}

const other: Hex = toHex(sha256(utf8('other')))

describe('attesting a node', () => {
  it('affirms genuine evidence against the ledger, under the policy that it names', async () => {
    await using server = await serveNode()
    const attested = await attest(
      server,
      ledgerOf(() => genuineFacts(server.url)),
    )
    expect(attested.verdict.tier).toBe('affirming')
    expect(attested.digest).toBe(digestOf(genuine.bytes))
    expect(attested.verdict.assurance).toEqual({ integrity: 'none', confidentiality: 'none' })
  })

  it('refuses evidence of a node other than the one dialled', async () => {
    await using server = await serveNode()
    const facts = genuineFacts(server.url)
    facts.nodes.push({ ...facts.nodes[0]!, id: other })
    const node = registeredNode(facts, other)
    const parts = { facts: createFactsCache(ledgerOf(() => facts)), fetch, timeoutMs: 60_000, policies: new Map() }
    const { verdict } = await attestNode(node, parts, { maxAgeMs: 0 })
    expect(verdict).toMatchObject({ tier: 'none', outcome: 'silence' })
  })

  it('refuses evidence of another seed, however genuine', async () => {
    await using server = await serveNode()
    const facts = genuineFacts(server.url)
    facts.epoch.seed = other
    const { verdict } = await attest(
      server,
      ledgerOf(() => facts),
      facts,
    )
    expect(verdict).toMatchObject({ tier: 'none', outcome: 'silence' })
  })

  it('takes evidence of the epoch before, whose seed it reads at the block that the evidence names', async () => {
    await using server = await serveNode()
    const { then, now } = epochApart(server.url, 1)
    const past = new Map([[then.block.number, then]])
    const { verdict } = await attest(
      server,
      ledgerOf(() => now, past),
      now,
    )
    expect(verdict.tier).toBe('affirming')
  })

  it('refuses evidence of two epochs ago', async () => {
    await using server = await serveNode()
    const { then, now } = epochApart(server.url, 2)
    const past = new Map([[then.block.number, then]])
    const { verdict } = await attest(
      server,
      ledgerOf(() => now, past),
      now,
    )
    expect(verdict).toMatchObject({ tier: 'none', outcome: 'silence' })
  })

  it('refuses evidence of the epoch before if the block that it names is not on this chain', async () => {
    await using server = await serveNode()
    const { then, now } = epochApart(server.url, 1)
    const forked = { ...then, block: { ...then.block, hash: other } }
    const { verdict } = await attest(
      server,
      ledgerOf(() => now, new Map([[then.block.number, forked]])),
      now,
    )
    expect(verdict).toMatchObject({ tier: 'none', outcome: 'silence' })
  })

  it('refuses a policy whose bytes are not those on the ledger', async () => {
    await using server = await serveNode({ policy: utf8('lenient') })
    const attesting = attest(
      server,
      ledgerOf(() => genuineFacts(server.url)),
    )
    await expect(attesting).rejects.toMatchObject({ code: 'sdk/policy-altered' })
  })

  it('refuses to appraise under no policy', async () => {
    await using server = await serveNode()
    const facts = genuineFacts(server.url)
    facts.entries = facts.entries.filter(({ kind }) => kind !== 5)
    await expect(
      attest(
        server,
        ledgerOf(() => facts),
      ),
    ).rejects.toMatchObject({ code: 'sdk/policy-missing' })
  })

  it('refuses bytes that are no evidence', async () => {
    await using server = await serveNode({ evidence: utf8('junk') })
    const attesting = attest(
      server,
      ledgerOf(() => genuineFacts(server.url)),
    )
    await expect(attesting).rejects.toMatchObject({ name: 'TeapotError', kind: 'refused' })
  })
})

/** The genuine facts as of the evidence's block, and the facts some epochs later. */
function epochApart(url: string, epochs: number): { then: LedgerFacts; now: LedgerFacts } {
  const now = genuineFacts(url)
  const { number, hash } = genuine.evidence.chain.block
  const then: LedgerFacts = { ...genuineFacts(url), block: { number, hash, timestamp: now.block.timestamp } }
  now.block = { ...now.block, number: now.block.number + 10 }
  now.epoch = { number: now.epoch.number + epochs, seed: other, openedAt: now.epoch.openedAt + 60 }
  return { then, now }
}
