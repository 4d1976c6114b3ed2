import { encodeCbor, leafInput, parseBundle, parsePolicy, toHex } from '@teapot-network/trust'
import type { CallResponse, ChildResult } from '@teapot-network/trust/call'
import { beforeAll, expect, it } from 'vitest'
import type { Attested, AttestParts } from './attest.ts'
import { provePending } from './call.ts'
import { createFactsCache } from './facts.ts'
import { ledgerOf } from './genuine.fixture.ts'
import { makeSampleProof, REQUEST, RESPONSE, SALT, type SampleProof } from './sample-proof.fixture.ts'
import { serve, type TestServer } from './server.fixture.ts'
import { createWitness } from './witness.ts'

let sample: SampleProof
beforeAll(async () => {
  sample = await makeSampleProof()
})

/** Proves an answer as a client does, with evidence that it appraised. */
function prove(server: TestServer, answer: Partial<CallResponse>, witness = createWitness()): Promise<Uint8Array> {
  const { bundle, evidence, facts, claims } = sample
  const { salt, receipt, policy } = bundle
  const attested = {
    ...{ node: { id: claims.node, url: server.url }, evidence, bytes: bundle.evidence, digest: claims.evidence, facts },
    policy: { bytes: policy, policy: parsePolicy(policy) },
  } as Attested
  const response = { ...RESPONSE, claims: bundle.claims, salt, receipt, id: '1.5.x', trace: null, children: [] }
  const parts: AttestParts = {
    ...{ facts: createFactsCache(ledgerOf(() => facts)), fetch, timeoutMs: 60_000, policies: new Map() },
  }
  const pending = { call: { ...REQUEST, mode: 'inline' as const }, response: { ...response, ...answer }, attested }
  return provePending(pending, parts, witness, undefined)
}

const nothingMore = () => serve((_, response) => void response.end(encodeCbor([])))

it('refuses a result whose checkpoint does not extend what it saw of the log before, and says so', async () => {
  await using server = await nothingMore()
  const witness = createWitness()
  await prove(server, {}, witness)
  const leaf = leafInput(SALT, sample.bundle.claims)
  const later = { receipt: await sample.receiptFor(leaf, { sequence: 6 }) }
  expect(parseBundle(await prove(server, later, witness)).receipt).toEqual(later.receipt)
  const forked = { receipt: await sample.receiptFor(leaf, { sequence: 8, index: 6 }) }
  await expect(prove(server, forked, witness)).rejects.toMatchObject({ code: 'sdk/log-forked', kind: 'refused' })
  const twice = { receipt: await sample.receiptFor(leaf, { sequence: 6, index: 6 }) }
  await expect(prove(server, twice, witness)).rejects.toMatchObject({ code: 'sdk/equivocation' })
})

it('bundles what the actor called in turn, with receipts that it has to fetch', async () => {
  const child = parseBundle(await sample.issue({ operation: 'child' }))
  const children = [toHex(leafInput(child.salt, child.claims))]
  const { claims, receipt } = parseBundle(await sample.issue({ children }))
  await using server = await serve((_, response) => void response.end(child.receipt))
  const called: ChildResult = { ...child, id: '1.4.x', receipt: null, children: [] }
  const proof = await prove(server, { claims, receipt, children: [called] })
  expect(parseBundle(parseBundle(proof).children![0]!)).toEqual(child)
  await expect(prove(server, { claims, receipt })).rejects.toMatchObject({ code: 'sdk/proof-refused' })
})
