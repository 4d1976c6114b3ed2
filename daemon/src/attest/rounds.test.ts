import type { Round as LedgerRound } from '@teapot-network/ledger'
import type { NodeRecord } from '@teapot-network/trust'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { activeNodes, factsWith, id, roundOf } from './round.fixture.ts'
import type { RoundParts } from './round.ts'
import { createRounds, type Rounds } from './rounds.ts'

let rounds: Rounds
/** What quoting does, and whom this node appraised in which epoch, of which seed. */
let quote: () => Promise<void>
let judged: string[]

beforeEach(() => {
  ;[quote, judged] = [async () => {}, []]
  const parts: Partial<RoundParts> = {
    ...{ self: id(1), graceSeconds: 1000, clock: systemClock, provisioned: () => true },
    source: { renew: () => quote() } as never,
    lattice: { request: () => Promise.reject(new Error('nobody is there')) },
    verifier: {
      async appraise({ id: node }: NodeRecord, { epoch }: LedgerRound['facts']) {
        judged.push(`${Number(node)} in ${epoch.number}, seed ${Number(epoch.seed)}`)
        throw new Error('no answer')
      },
    } as never,
    attendance: { begin: async () => {}, awaits: () => false, missed: () => undefined },
    book: { of: () => [], add: async () => {} },
    log: { warn: () => {}, info: () => {} } as never,
  }
  rounds = createRounds(parts as RoundParts)
})
afterEach(() => rounds[Symbol.asyncDispose]())

function inEpoch(number: number, seed = id(5)): LedgerRound {
  const facts = factsWith(...activeNodes(3).map((node) => ({ ...node, contact: '{"p2p":"peer"}' })))
  return { ...roundOf({ ...facts, epoch: { ...facts.epoch, number, seed } }), minEpochSeconds: 1000 }
}

test('a quote that fails is tried again with the next block, and one that was made is not', async () => {
  let quoted = 0
  quote = () => Promise.reject(new Error('the TPM is busy'))
  await expect(rounds.advance(inEpoch(3))).rejects.toThrow('busy')
  quote = async () => void quoted++
  await rounds.advance(inEpoch(3))
  await rounds.advance(inEpoch(3))
  expect(quoted).toBe(1)
})

test('an epoch that opens while this node quotes for the one before is judged whole', async () => {
  let done = () => {}
  quote = () => new Promise((resolve) => (done = resolve))
  const slow = rounds.advance(inEpoch(3))
  const finish = done
  const next = rounds.advance(inEpoch(4))
  finish()
  await slow
  done()
  await next
  await expect.poll(() => judged).toEqual(expect.arrayContaining(['2 in 4, seed 5', '3 in 4, seed 5']))
})

test('an epoch that a reorg opens again, with another seed, is quoted for and judged again', async () => {
  let quoted = 0
  quote = async () => void quoted++
  for (const seed of [5, 6]) {
    for (let block = 0; block < 2; block++) await rounds.advance(inEpoch(3, id(seed)))
    await expect.poll(() => judged).toContain(`2 in 3, seed ${seed}`)
  }
  expect(quoted).toBe(2)
})
