import { createServer } from '@teapot-network/daemon/serve'
import { httpLog, nodeConsistency, readTiles, tilePath } from '@teapot-network/sdk'
import { folderLog, mirrorLog } from '@teapot-network/sdk/node'
import { leafHash, leafInput, parseCheckpoint, parseReceipt, verifyCheckpoint } from '@teapot-network/trust'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pointOf } from '../daemon/src/receipts/checkpoint-key.ts'
import { issueSingly, issueTogether, newRun, temporaryFolder } from '../daemon/src/receipts/log.fixture.ts'
import { createLogReceipts } from '../daemon/src/serve/log-receipts.ts'
import { parseTilePath } from '../daemon/src/serve/log-request.ts'
import { createParts } from '../daemon/src/serve/parts.fixture.ts'

test('a proof is upgraded from a mirror after the node is gone, and a mirror that fell behind is refused', async () => {
  using folder = temporaryFolder()
  const run = newRun(`${folder.dir}/log`)
  const log = await run.open()
  const server = await createServer(createParts({ receipts: createLogReceipts(log, () => undefined) }))
  const node = httpLog(`${server.url}/v1/logs/1/`, { fetch, timeoutMs: 60_000 })
  const [held] = await issueTogether(log, 40)
  const early = await node('checkpoint')
  await mirrorLog(node, early, `${folder.dir}/stale`)
  await issueTogether(log, 700)
  await issueSingly(log, 3)
  const now = await node('checkpoint')
  await mirrorLog(node, now, `${folder.dir}/mirror`)
  const [before, after] = [parseCheckpoint(early), parseCheckpoint(now)]
  const asked = await nodeConsistency(node)(before.size, after.size)
  await server[Symbol.asyncDispose]()
  await log[Symbol.asyncDispose]()

  const kept = parseCheckpoint(await folderLog(`${folder.dir}/mirror`)('checkpoint'))
  expect(await verifyCheckpoint(kept, pointOf(run.key))).toBe(true)
  const mirror = readTiles(folderLog(`${folder.dir}/mirror`), kept.size)
  const leaf = leafHash(leafInput(held!.salt, held!.claims))
  const { index, checkpoint } = parseReceipt(held!.receipt)
  expect(checkpoint.size).toBe(before.size)
  expect(await mirror.inclusion(index, leaf, kept)).toHaveLength(10)
  expect(await mirror.consistency(before, kept)).toEqual(asked)
  const stale = readTiles(folderLog(`${folder.dir}/stale`), kept.size)
  await expect(stale.inclusion(index, leaf, kept)).rejects.toMatchObject({ code: 'sdk/tiles-refused' })
})

test('a node reads every tile path as a client writes it', () => {
  const parts = [fc.nat(63), fc.nat(10 ** 15 - 1), fc.integer({ min: 1, max: 256 })] as const
  fc.assert(
    fc.property(...parts, (level, index, width) => {
      expect(parseTilePath(tilePath(level, index, width).slice('tile/'.length))).toEqual({ level, index, width })
    }),
  )
})
