import { generateKeyPairSync } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { cp, mkdtemp, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from '@teapot-network/trust'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openNumberedLog } from './numbered-log.ts'

const id = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const receiptKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
let dir: string
let counter: number
let closed: string[]

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'teapot-numbered-')), 'receipts')
  counter = 7
  closed = []
})
afterEach(() => rm(join(dir, '..'), { recursive: true, force: true }))

/** The counter stands in for the TPM's, which has tests of its own (daemon/src/tpm). */
const numbers = { logNumber: async () => counter, raiseLogNumber: async () => ++counter }

const open = (run: number) =>
  openNumberedLog(numbers, { dir, node: id(1), run: id(run), receiptKey }, (reason) => void closed.push(reason))

test('a log goes on under its number as long as nothing is missing', async () => {
  const first = await open(1)
  const head = first.log.checkpoint()
  await first.remember(head)
  await first.log[Symbol.asyncDispose]()
  const again = await open(2)
  expect(again.log.checkpoint().log).toBe(head.log)
  expect(again.log.checkpoint().sequence).toBeGreaterThan(head.sequence)
  await again.log[Symbol.asyncDispose]()
})

test('a lost log is never begun again under its number', async () => {
  const first = await open(1)
  const { log } = first.log.checkpoint()
  await first.log[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
  const next = await open(2)
  expect(next.log.checkpoint().log).toBe(log + 1)
  await next.log[Symbol.asyncDispose]()
})

test('a log restored from before what was quoted is closed, and the next number begins', async () => {
  const first = await open(1)
  const { log } = first.log.checkpoint()
  await first.log[Symbol.asyncDispose]()
  const image = join(dir, '..', 'image')
  await cp(join(dir, String(log)), image, { recursive: true })
  const later = await open(2)
  await later.remember(later.log.checkpoint())
  await later.log[Symbol.asyncDispose]()
  await rm(join(dir, String(log)), { recursive: true })
  await cp(image, join(dir, String(log)), { recursive: true })
  const restored = await open(3)
  expect(restored.log.checkpoint().log).toBe(log + 1)
  expect(closed).toHaveLength(1)
  await restored.log[Symbol.asyncDispose]()
})

test('a log whose files were cut is closed, not mended', async () => {
  const first = await open(1)
  const { log } = first.log.checkpoint()
  await first.remember(first.log.checkpoint())
  await first.log[Symbol.asyncDispose]()
  const folder = join(dir, String(log))
  for (const name of readdirSync(folder)) await truncate(join(folder, name), 0).catch(() => {})
  const next = await open(2)
  expect(next.log.checkpoint().log).toBe(log + 1)
  await next.log[Symbol.asyncDispose]()
})
