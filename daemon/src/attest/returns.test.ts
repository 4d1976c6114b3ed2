import type { NodeStatus } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { createReturns, type Returns } from './returns.ts'
import { factsWith, id, node } from './round.fixture.ts'

/** A letter an epoch: `I`nactive or `A`ctive. @returns in how many of the last epochs the node was to wait */
function live(returns: Returns, standings: string, from = 1): number {
  const waits = [...standings].map((letter, i) => {
    const facts = factsWith(node(1, (letter === 'I' ? 'inactive' : 'active') satisfies NodeStatus))
    returns.begin({ ...facts, epoch: { ...facts.epoch, number: from + i } })
    return returns.awaits(id(1))
  })
  return waits.filter(Boolean).length
}

test.each([
  ['IIII', 0, 'whoever was put out once may come back at once'],
  ['IAAAAAIIII', 1, 'the second time it waits for an epoch'],
  ['IAAAAAIIAAAAAIIIIIII', 1 + 3, 'and each time twice as long, and one'],
  ['IAAAAAAAAIIII', 0, 'eight epochs in service, and what was is forgotten'],
  ['AAAA', 0, 'nobody else ever waits'],
])('%s: %i epochs; %s', (standings, epochs) => {
  expect(live(createReturns(), standings)).toBe(epochs)
})

test('nobody waits for ever', () => {
  const returns = createReturns()
  live(returns, 'IA'.repeat(20))
  expect(live(returns, 'I'.repeat(100), 41)).toBe(63)
})
