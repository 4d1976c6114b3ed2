import { decodeCbor, leafInput, parseCheckpoint, parseReceipt, receiptCheckpoint } from '@teapot-network/trust'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueSingly, issueTogether, newRun, temporaryFolder } from '../receipts/log.fixture.ts'
import type { Issued, ReceiptLog } from '../receipts/receipt-log.ts'
import { createLogReceipts } from './log-receipts.ts'
import { parseTilePath } from './log-request.ts'
import { createParts } from './parts.fixture.ts'
import type { Server } from './parts.ts'
import { createServer } from './server.ts'

const folder = temporaryFolder()
const run = newRun(folder.dir)
let log: ReceiptLog
let issued: Issued[]
let server: Server

beforeAll(async () => {
  log = await run.open({ segmentBytes: 4096 })
  issued = [...(await issueSingly(log, 4)), ...(await issueTogether(log, 300)), ...(await issueSingly(log, 2))]
  server = await createServer(createParts({ receipts: createLogReceipts(log, () => undefined) }))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await log[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const get = (path: string) => fetch(`${server.url}/v1/${path}`)
async function bytesOf(path: string): Promise<Uint8Array> {
  const response = await get(path)
  expect(response.status, path).toBe(200)
  return new Uint8Array(await response.arrayBuffer())
}

test('a receipt is issued again under any checkpoint that the log signed since', async () => {
  const { id, claims, salt } = issued[1]!
  for (const size of [2, 3, 4, 304, 306]) {
    const bytes = await bytesOf(`receipts/${id}?size=${size}`)
    const receipt = parseReceipt(bytes)
    const signed = parseCheckpoint(await bytesOf(`logs/1/checkpoint?size=${size}`))
    expect(receiptCheckpoint(receipt, leafInput(salt, claims)).root).toBe(signed.root)
    expect((await run.check({ ...issued[1]!, receipt: bytes })).size).toBe(size)
  }
  expect(parseReceipt(await bytesOf(`receipts/${id}`)).checkpoint.size).toBe(2)
})

test('of several checkpoints of one size the first is given: that of the run which the claims name', async () => {
  using other = temporaryFolder()
  const [first, next] = [newRun(other.dir), newRun(other.dir)]
  const before = await first.open()
  await issueSingly(before, 2)
  await before[Symbol.asyncDispose]()
  await using after = await next.open()
  expect(parseCheckpoint(after.checkpoint().signed)).toMatchObject({ size: 2, run: next.options.run })
  expect(parseCheckpoint(await after.checkpointAt(2)).run).toBe(first.options.run)
  expect(parseCheckpoint(await after.checkpointAt(0))).toMatchObject({ sequence: 1, size: 0 })
})

test('tiles and consistency never change, so they may be kept; checkpoints may not', async () => {
  for (const [path, hashes] of Object.entries({ '0/000': 256, '0/001.p/50': 50, '1/000.p/1': 1 })) {
    const response = await get(`logs/1/tile/${path}`)
    expect(response.headers.get('cache-control')).toContain('immutable')
    expect((await response.arrayBuffer()).byteLength).toBe(hashes * 32)
  }
  expect(decodeCbor(await bytesOf('logs/1/consistency?from=3&to=304'))).toEqual(
    log.consistencyProof(3, 304).map((hash) => new Uint8Array(hash)),
  )
  expect((await get('logs/1/checkpoint')).headers.get('cache-control')).toBe('no-store')
})

test.each([
  ['receipts/ID?size=100', 404, 'receipts/no-such-size'],
  ['receipts/ID?size=307', 404, 'receipts/no-such-size'],
  ['receipts/ID?size=1', 404, 'receipts/no-such-size'],
  ['receipts/ID?size=-1', 400, 'serve/malformed-request'],
  ['receipts/ID?size=1e2', 400, 'serve/malformed-request'],
  ['logs/1/checkpoint?size=305000', 404, 'receipts/no-such-size'],
  ['logs/1/checkpoint?size=17', 404, 'receipts/no-such-size'],
  ['logs/1/consistency?from=3', 400, 'serve/malformed-request'],
  ['logs/1/consistency?from=304&to=3', 404, 'receipts/no-such-size'],
  ['logs/1/consistency?from=3&to=307', 404, 'receipts/no-such-size'],
  ['logs/1/tile/0/001.p/51', 404, 'receipts/no-such-tile'],
  ['logs/1/tile/0/001', 404, 'receipts/no-such-tile'],
  ['logs/1/tile/63/000', 404, 'receipts/no-such-tile'],
  ['logs/1/tile/0/0', 404, 'receipts/no-such-tile'],
  ['logs/2/checkpoint', 404, 'receipts/no-such-log'],
  ['logs/01/checkpoint', 404, 'receipts/no-such-log'],
  ['logs/1', 404, 'serve/no-such-route'],
  ['logs/1/leaves', 404, 'serve/no-such-route'],
])('GET %s is refused with %i %s', async (path, status, code) => {
  const response = await get(path.replace('ID', issued[1]!.id))
  expect([response.status, await response.json()]).toMatchObject([status, { code }])
})

test.each([
  ['0/000', { level: 0, index: 0, width: 256 }],
  ['2/x001/x234/067', { level: 2, index: 1_234_067, width: 256 }],
  ['63/999.p/255', { level: 63, index: 999, width: 255 }],
  ['0/x001/000.p/1', { level: 0, index: 1000, width: 1 }],
  ...'64/000 00/000 0/00 0/x000/001 0/001/002 0/x001 0/000.p/0 0/000.p/256 0/000.p/01 0/000/ -1/000'
    .split(' ')
    .map((path) => [path, undefined] as const),
] as const)('the tile path %s is read as %o', (path, expected) => {
  expect(parseTilePath(path)).toEqual(expected)
})

test('whatever is no tile path names no tile', () => {
  const odd = fc.stringMatching(/^[0-9x./p-]{0,24}$/)
  fc.assert(
    fc.property(fc.oneof(odd, fc.string()), (path) => {
      const tile = parseTilePath(path)
      if (tile === undefined) return
      expect(tile.level).toBeLessThan(64)
      expect(Number.isSafeInteger(tile.index) && tile.width >= 1 && tile.width <= 256).toBe(true)
    }),
  )
})
