import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createHost, type Host } from '@teapot-network/host'
import {
  digestOf,
  type Hex,
  leafInput,
  parseCheckpoint,
  parseClaims,
  parseReceipt,
  receiptCheckpoint,
  sha256,
  toHex,
  utf8,
  verifyCheckpoint,
} from '@teapot-network/trust'
import { parseCallResponse, requestDigest, responseDigest } from '@teapot-network/trust/call'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openReceiptLog, type ReceiptLog } from '../receipts/index.ts'
import { createHostCaller } from './host-caller.ts'
import { type ClaimContext, createLogReceipts } from './log-receipts.ts'
import { createParts } from './parts.fixture.ts'
import type { Server } from './parts.ts'
import { createServer } from './server.ts'

/** Answers with its payload, and traps in operations that begin with `t`: memory 0 gets the operation, 1024 the payload. */
const echo = Buffer.from(
  'AGFzbQEAAAABDAJgAn9/AGACf38BfwIwAgR3YXBjEF9fZ3Vlc3RfcmVzcG9uc2UAAAR3YXBjD19fZ3Vlc3RfcmVxdWVzdAAAAwIBAQUDAQABBxkCDF9fZ3Vlc3RfY2FsbAACBm1lbW9yeQIACiEBHwBBAEGACBABQQAtAABB9ABGBEAAC0GACCABEABBAQs=',
  'base64',
)
/** Calls `echo` with its own operation and payload; its answer, or its error, is its own. */
const asking = Buffer.from(
  'AGFzbQEAAAABIAVgAn9/AGAIf39/f39/f38Bf2ABfwBgAAF/YAJ/fwF/ArYBCAR3YXBjD19fZ3Vlc3RfcmVxdWVzdAAABHdhcGMQX19ndWVzdF9yZXNwb25zZQAABHdhcGMNX19ndWVzdF9lcnJvcgAABHdhcGMLX19ob3N0X2NhbGwAAQR3YXBjD19faG9zdF9yZXNwb25zZQACBHdhcGMTX19ob3N0X3Jlc3BvbnNlX2xlbgADBHdhcGMMX19ob3N0X2Vycm9yAAIEd2FwYxBfX2hvc3RfZXJyb3JfbGVuAAMDAgEEBQMBAAQHGQIGbWVtb3J5AgAMX19ndWVzdF9jYWxsAAgKQAE+AEHAAEGAIBAAQRBBB0EgQQpBwAAgAEGAICABEAMEQEGAIBAEQYAgEAUQAUEBDwtBgCAQBkGAIBAHEAJBAAsLHAIAQRALB2RlZmF1bHQAQSALCmFjdG9yOmVjaG8ArQEEbmFtZQGMAQkAD19fZ3Vlc3RfcmVxdWVzdAEQX19ndWVzdF9yZXNwb25zZQINX19ndWVzdF9lcnJvcgMLX19ob3N0X2NhbGwED19faG9zdF9yZXNwb25zZQUTX19ob3N0X3Jlc3BvbnNlX2xlbgYMX19ob3N0X2Vycm9yBxBfX2hvc3RfZXJyb3JfbGVuCARjYWxsAhcBCAIACW9wZXJhdGlvbgEHcGF5bG9hZA==',
  'base64',
)
const release = { publisher: '0x01', version: 1, digest: digestOf(echo), grants: ['wascc:logging'], bytes: echo }
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const id = (text: string): Hex => toHex(sha256(utf8(text)))
const sandboxEntry = join(dirname(fileURLToPath(import.meta.resolve('@teapot-network/host'))), 'sandbox', 'main.ts')

let folder: string
let host: Host
let log: ReceiptLog
let server: Server
let context: ClaimContext | undefined
const asked: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-serve-'))
  const limits = { deadlineMs: 120_000, maxDeadlineMs: 120_000, loadMs: 120_000, startMs: 120_000 }
  host = await createHost({ nodePath: process.execPath, sandboxEntry, limits, invoke: async () => new Uint8Array(0) })
  await host.load({ name: 'echo', ...release })
  await host.load({ name: 'asking', ...release, digest: digestOf(asking), grants: ['actor:echo'], bytes: asking })
  log = await openReceiptLog({ dir: folder, node: id('node'), log: 1, run: id('run'), receiptKey: keys.privateKey })
  const provision = async (actor: string): Promise<boolean> => {
    asked.push(actor)
    if (actor !== 'fetched') return false
    await host.load({ name: actor, ...release })
    return true
  }
  server = await createServer(
    createParts({
      caller: createHostCaller(host, provision),
      receipts: createLogReceipts(log, () => context),
    }),
  )
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  await log?.[Symbol.asyncDispose]()
  await host?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const assurance = { integrity: 'none', confidentiality: 'none' } as const
const contextOf = (text: string): ClaimContext => ({
  evidence: id(text),
  block: { number: 7, hash: id('block') },
  assurance,
  isolation: 'user' as const,
})

const post = (path: string, body: string): Promise<Response> => fetch(server.url + path, { method: 'POST', body })
const bytesOf = (response: Response, header: string): Uint8Array =>
  new Uint8Array(Buffer.from(response.headers.get(header)!, 'base64url'))

async function checkReceipt(receipt: Uint8Array, claims: Uint8Array, salt: Uint8Array): Promise<boolean> {
  const { x, y } = keys.publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')])
  return verifyCheckpoint(receiptCheckpoint(parseReceipt(receipt), leafInput(salt, claims)), new Uint8Array(point))
}

describe('a box: server, sandbox and receipt log', () => {
  it('gives out no result before there is evidence that its receipt could cite', async () => {
    const response = await post('/v1/actors/echo/say', 'Ada')
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'serve/not-yet' }])
    context = contextOf('first')
  })

  it('answers with a receipt that verifies, over claims that say what was asked, answered and granted', async () => {
    const response = await post('/v1/actors/echo/say', 'Ada')
    expect(await response.text()).toBe('Ada')
    const [claims, salt] = [bytesOf(response, 'teapot-claims'), bytesOf(response, 'teapot-salt')]
    expect(await checkReceipt(bytesOf(response, 'teapot-receipt'), claims, salt)).toBe(true)
    expect(parseClaims(claims)).toMatchObject({
      node: id('node'),
      run: id('run'),
      evidence: id('first'),
      actor: { name: 'echo', version: 1, sha256: release.digest },
      capabilities: ['wascc:logging'],
      operation: 'say',
      outcome: 'ok',
      request: requestDigest({ actor: 'echo', operation: 'say', payload: utf8('Ada') }),
      response: responseDigest({ outcome: 'ok', payload: utf8('Ada') }),
    })
  })

  it('cites new evidence from the moment that there is some', async () => {
    context = contextOf('second')
    const response = await post('/v1/actors/echo/say', 'Ada')
    expect(parseClaims(bytesOf(response, 'teapot-claims')).evidence).toBe(id('second'))
  })

  it('gives a receipt for a trap, over its code and message', async () => {
    const response = await post('/v1/actors/echo/trap', 'Ada')
    const { code, message } = (await response.json()) as { code: string; message: string }
    expect([response.status, code]).toEqual([500, 'host/trap'])
    const claims = parseClaims(bytesOf(response, 'teapot-claims'))
    expect(claims.outcome).toBe('host/trap')
    expect(claims.response).toBe(responseDigest({ outcome: code, payload: utf8(message) }))
  })

  it('answers later with the receipt under its id, and refuses ids that it never gave out', async () => {
    const response = await post('/v1/actors/echo/say?mode=later', 'Ada')
    const [claims, salt] = [bytesOf(response, 'teapot-claims'), bytesOf(response, 'teapot-salt')]
    const id = response.headers.get('teapot-receipt-id')!
    const receipt = await fetch(`${server.url}/v1/receipts/${id}`)
    expect(await checkReceipt(new Uint8Array(await receipt.arrayBuffer()), claims, salt)).toBe(true)
    for (const wrong of [
      '1.99.AAAAAAAAAAAAAAAAAAAAAA',
      id.replace(/.$/, (c) => (c === 'A' ? 'Q' : 'A')),
      'junk',
      '%ff',
    ]) {
      const refused = await fetch(`${server.url}/v1/receipts/${wrong}`)
      expect([refused.status, await refused.json()]).toMatchObject([404, { code: 'receipts/unknown-id' }])
    }
  })

  it('shows its newest checkpoint', async () => {
    const bytes = new Uint8Array(await (await fetch(`${server.url}/v1/checkpoint`)).arrayBuffer())
    expect(parseCheckpoint(bytes)).toMatchObject({ node: id('node'), log: 1, run: id('run') })
  })

  it('brings an actor at its first call, and asks for none twice that is not to be had', async () => {
    expect(await (await post('/v1/actors/fetched/say', 'Ada')).text()).toBe('Ada')
    const missing = await post('/v1/actors/nobody/say', 'Ada')
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: 'host/unknown-actor' }])
    expect(asked).toEqual(['fetched', 'nobody'])
  })

  it('serves many at once, each its own answer', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `caller ${i}`)
    const answers = await Promise.all(names.map(async (name) => (await post('/v1/actors/echo/say', name)).text()))
    expect(answers).toEqual(names)
  })
})

describe('an actor that calls another', () => {
  const recordOf = async (path: string) => parseCallResponse(await (await post(path, 'tea')).bytes())
  const leafOf = ({ salt, claims }: { salt: Uint8Array; claims: Uint8Array }) => toHex(leafInput(salt, claims))

  it('has the digest of what came of it in its claims, behind a leaf and a receipt of its own', async () => {
    const { children, receipt, claims, salt } = await recordOf('/v1/actors/asking/say?trace=1')
    const [child] = children
    expect(children).toEqual([expect.objectContaining({ children: [] })])
    expect(parseClaims(claims).children).toEqual([leafOf(child!)])
    expect(parseClaims(child!.claims)).toMatchObject({
      actor: { name: 'echo', version: 1, sha256: release.digest },
      operation: 'say',
      outcome: 'ok',
      request: requestDigest({ actor: 'echo', operation: 'say', payload: utf8('tea') }),
      response: responseDigest({ outcome: 'ok', payload: utf8('tea') }),
    })
    expect(parseClaims(child!.claims).fuel).toBeGreaterThan(0)
    expect(await checkReceipt(receipt!, claims, salt)).toBe(true)
    expect(await checkReceipt(child!.receipt!, child!.claims, child!.salt)).toBe(true)
    const indices = [child!.receipt!, receipt!].map((bytes) => parseReceipt(bytes).index)
    expect(indices[1]! - indices[0]!).toBe(1)
  })

  it('vouches for failures of the other too, also when it fails of them', async () => {
    const { outcome, claims, children } = await recordOf('/v1/actors/asking/trap?trace=1')
    expect(outcome).toBe('host/actor-error')
    expect(parseClaims(claims).children).toEqual(children.map(leafOf))
    expect(parseClaims(children[0]!.claims).outcome).toBe('host/trap')
  })

  it('says in a header how many; an answer of an actor that calls none says nothing', async () => {
    const response = await post('/v1/actors/asking/say', 'tea')
    expect([await response.text(), response.headers.get('teapot-children')]).toEqual(['tea', '1'])
    expect((await post('/v1/actors/echo/say', 'tea')).headers.has('teapot-children')).toBe(false)
    expect((await recordOf('/v1/actors/echo/say?trace=1')).children).toEqual([])
  })

  it('in mode later leaves the receipts of both to be fetched', async () => {
    const parent = await recordOf('/v1/actors/asking/say?trace=1&mode=later')
    const [child] = parent.children
    expect([parent.receipt, child!.receipt]).toEqual([null, null])
    expect(parseClaims(parent.claims).children).toEqual([leafOf(child!)])
    for (const { id, claims, salt } of [child!, parent]) {
      const receipt = await (await fetch(`${server.url}/v1/receipts/${id}`)).bytes()
      expect(await checkReceipt(receipt, claims, salt)).toBe(true)
    }
  })
})
