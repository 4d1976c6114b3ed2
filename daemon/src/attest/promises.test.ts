import type { Round } from '@teapot-network/ledger'
import { expect, test } from 'vitest'
import { createPromises } from './promises.ts'
import { factsWith, id, node, roundOf } from './round.fixture.ts'
import { promiseSeconds } from './round.ts'

const GRACE = 12
/** The network at a second; each epoch opens there. */
function at(seconds: number, status: 'active' | 'pending' = 'active'): Round {
  const facts = factsWith(...[1, 2, 3].map((n) => node(n, status)))
  const [block, epoch] = [
    { ...facts.block, timestamp: seconds },
    { ...facts.epoch, openedAt: seconds },
  ]
  return { ...roundOf({ ...facts, block, epoch }), minEpochSeconds: 20 }
}
const good = promiseSeconds(at(0), GRACE)
const ballot = (freshUntil: number) => ({ voter: id(1), freshUntil, rows: new Uint8Array(), signature: id(1) })

test('a promise is good for two epochs at their longest', () => {
  expect(good).toBe(2 * (20 + 6))
  expect(promiseSeconds(at(0), 60)).toBe(2 * (60 + 6))
})

test('who is slow but votes at least every other epoch is never called silent', () => {
  const promises = createPromises(GRACE)
  for (let epoch = 0; epoch < 10; epoch++) {
    const ledger = at(epoch * 26)
    promises.begin(ledger)
    expect(promises.broken(ledger, id(1))).toBeUndefined()
    if (epoch % 2 === 1) promises.renew(ledger, ballot(epoch * 26 + good))
  }
})

test('who lets the deadline pass is called silent from the next epoch on, until a ballot comes', () => {
  const promises = createPromises(GRACE)
  promises.begin(at(0))
  expect(promises.broken(at(good), id(1))).toBeUndefined()
  expect(promises.broken(at(good + 1), id(1))).toBe(good)
  promises.renew(at(good + 2), ballot(good + 30))
  expect(promises.broken(at(good + 26), id(1))).toBeUndefined()
})

test('nobody may promise for longer than everybody does', () => {
  const promises = createPromises(GRACE)
  promises.begin(at(0))
  promises.renew(at(1), ballot(1_000_000))
  expect(promises.broken(at(good + 2), id(1))).toBe(good + 1)
})

test('who took no part in an epoch waits for everyone anew', () => {
  const promises = createPromises(GRACE)
  promises.begin(at(0))
  promises.begin(at(1_000), true)
  expect(promises.broken(at(1_000 + good), id(1))).toBeUndefined()
})

test('who has no duties owes nothing, and begins anew with them', () => {
  const promises = createPromises(GRACE)
  promises.begin(at(0))
  promises.begin(at(10, 'pending'))
  expect(promises.broken(at(1_000), id(1))).toBeUndefined()
  promises.begin(at(1_000))
  expect(promises.broken(at(1_000 + good), id(1))).toBeUndefined()
})
