import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { Hex } from '@teapot-network/trust'
import { signVote, type Vote, verifyVote } from '@teapot-network/trust/vote'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readMachineFile } from './config.ts'
import { createRun, loadOperatorKeys } from './keys.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'teapot-keys-'))
})
afterEach(() => rm(dir, { recursive: true }))

test('the operator keeps its keys across starts, readable by nobody else', async () => {
  const path = join(dir, 'data', 'operator.json')
  const first = await loadOperatorKeys(path)
  const again = await loadOperatorKeys(path)
  expect([again.account, again.votePublic]).toEqual([first.account, first.votePublic])
  expect((await stat(path)).mode & 0o077).toBe(0)
})

test('an account that was set up beforehand is kept, and gets its vote key', async () => {
  const path = join(dir, 'operator.json')
  const account = `0x${'11'.repeat(32)}`
  await writeFile(path, JSON.stringify({ account }))
  expect((await loadOperatorKeys(path)).account).toBe(account)
  expect(JSON.parse(await readFile(path, 'utf8')).vote.crv).toBe('P-256')
})

test('a vote signed with the key is verified by its public half, and by no other', async () => {
  const mine = await loadOperatorKeys(join(dir, 'a.json'))
  const other = await loadOperatorKeys(join(dir, 'b.json'))
  const digest = `0x${'22'.repeat(32)}` as const
  const vote: Vote = {
    ...{ chainId: 1, attestation: `0x${'33'.repeat(20)}` as Hex, epoch: 1, node: digest, outcome: 'affirm' },
    ...{ run: digest, boot: 1, evidence: digest, quote: digest },
  }
  const signature = await signVote(vote, mine.vote)
  expect(await verifyVote(vote, signature, mine.votePublic)).toBe(true)
  expect(await verifyVote(vote, signature, other.votePublic)).toBe(false)
})

test('damaged keys are refused, not replaced', async () => {
  const path = join(dir, 'operator.json')
  for (const damaged of ['{', '[]x', JSON.stringify({ account: '0x01', vote: { kty: 'EC' } })]) {
    await writeFile(path, damaged)
    await expect(loadOperatorKeys(path)).rejects.toMatchObject({ code: 'daemon/bad-operator-keys' })
    expect(await readFile(path, 'utf8')).toBe(damaged)
  }
})

test('what is wrong with damaged keys is said by its place, without any of the text', async () => {
  const path = join(dir, 'operator.json')
  const secret = 'c0ffee'.repeat(10)
  for (const [damaged, where] of [
    [`{"account": "0x${secret}`, /found no JSON at line 1 column 76$/],
    [`{\n"account": "0x${secret}",}`, /found no JSON at line 2 column 77$/],
    [`{"account": ${secret}}`, /found no JSON$/],
  ] as const) {
    await writeFile(path, damaged)
    const error: unknown = await loadOperatorKeys(path).catch((error) => error)
    expect(error).toMatchObject({ code: 'daemon/bad-operator-keys', message: expect.stringMatching(where) })
    expect(inspect(error)).not.toContain('c0ffee')
  }
})

test('no two runs share a key', async () => {
  const [one, two] = await Promise.all([createRun(), createRun()])
  expect(one.id).not.toBe(two.id)
  expect(one.public.receipt).toHaveLength(2 + 2 * 65)
  expect(one.public.seal).toHaveLength(2 + 2 * 32)
})

test('a machine file that lacks a field is refused by that field', async () => {
  const path = join(dir, 'machine.json')
  await expect(readMachineFile(path)).rejects.toMatchObject({ code: 'daemon/bad-config' })
  await writeFile(
    path,
    JSON.stringify({ name: 'a', dataDir: '/d', imageDir: '/i', runDir: '/r', eventLog: '/e', tpm: {} }),
  )
  await expect(readMachineFile(path)).rejects.toThrow(/daemon is missing/)
})
