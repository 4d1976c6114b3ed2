import type { Outcome } from '@teapot-network/trust'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { factsWith, id, node, roundOf, vote } from './round.fixture.ts'
import { findings, reportingOrder } from './tally.ts'

describe('adding up', () => {
  const facts = factsWith(...[1, 2, 3, 4].map((n) => node(n, 'active')), node(5, 'pending'))

  test('a quorum of equal votes is a finding, its voters in ascending order', () => {
    const found = findings(roundOf(facts), [vote(3, 5, 'affirm'), vote(1, 5, 'affirm'), vote(2, 5, 'affirm')])
    expect(found).toHaveLength(1)
    expect(found[0]!.votes.map((v) => v.voter)).toEqual([id(1), id(2), id(3)])
  })

  test('votes that differ in anything they say are not added together', () => {
    expect(
      findings(roundOf(facts), [vote(1, 5, 'affirm', 1), vote(2, 5, 'affirm', 2), vote(3, 5, 'affirm', 3)]),
    ).toEqual([])
  })

  test('a vote for oneself, a second vote and a vote without entitlement count for nothing', () => {
    const votes = [vote(1, 1, 'affirm'), vote(5, 1, 'affirm'), vote(2, 1, 'affirm'), vote(2, 1, 'affirm')]
    expect(findings(roundOf(facts), votes)).toEqual([])
  })

  test('no mix of votes below the quorum makes a finding', () => {
    const voters = fc.subarray([1, 2, 3, 4], { maxLength: 2 })
    fc.assert(
      fc.property(voters, fc.constantFrom<Outcome>('affirm', 'mismatch', 'silence'), (who, outcome) => {
        expect(
          findings(
            roundOf(facts),
            who.map((voter) => vote(voter, 5, outcome)),
          ),
        ).toEqual([])
      }),
    )
  })
})

test('the order of reporters changes with the seed and holds every entitled node once', () => {
  const facts = factsWith(...[1, 2, 3, 4, 5, 6, 7].map((n) => node(n, 'active')))
  const other = { ...facts, epoch: { ...facts.epoch, seed: id(0xbeef) } }
  expect([...reportingOrder(facts)].sort()).toEqual(facts.nodes.map((n) => n.id))
  expect(reportingOrder(facts)).not.toEqual(reportingOrder(other))
})
