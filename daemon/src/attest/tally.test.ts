import {
  type CborValue,
  decodeCbor,
  encodeCbor,
  leafHash,
  nodeHash,
  type Outcome,
  parseEpochLeaf,
  sha256,
  toHex,
} from '@teapot-network/trust'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { activeNodes, factsWith, id, node, roundOf, vote } from './round.fixture.ts'
import { epochLeaves, findings, reportingOrder } from './tally.ts'

describe('adding up', () => {
  const facts = factsWith(...activeNodes(4), node(5, 'pending'))

  test('a quorum of equal votes is a finding, its voters in ascending order', () => {
    const found = findings(roundOf(facts), [vote(3, 5, 'affirm'), vote(1, 5, 'affirm'), vote(2, 5, 'affirm')])
    expect(found).toHaveLength(1)
    expect(found[0]!.votes.map((v) => v.voter)).toEqual([id(1), id(2), id(3)])
  })

  test('affirmations that differ in anything they say are not added together', () => {
    expect(
      findings(roundOf(facts), [vote(1, 5, 'affirm', 1), vote(2, 5, 'affirm', 2), vote(3, 5, 'affirm', 3)]),
    ).toEqual([])
  })

  test('mismatches add up whatever evidence they name, and the finding is of what most of them name', () => {
    const votes = [vote(1, 5, 'mismatch', 1), vote(2, 5, 'mismatch', 2), vote(3, 5, 'mismatch', 2)]
    const [found] = findings(roundOf(facts), votes)
    expect([found!.boot, found!.votes.map((one) => one.voter)]).toEqual([2, [id(2), id(3), id(1)]])
    expect(findings(roundOf(facts), [...votes.slice(1), vote(4, 5, 'affirm')])).toEqual([])
  })

  test('a leaf holds the checkpoint that its evidence quotes, and none where there is no evidence', () => {
    const checkpoint = { log: 1, sequence: 2, size: 3, root: id(4) }
    const votes = [1, 2, 3].flatMap((n) => [vote(n, 4, 'silence'), vote(n, 5, 'affirm')])
    const found = findings(roundOf(facts), votes)
    const { root, document } = epochLeaves(7, found, (evidence) =>
      evidence === found[1]!.evidence ? checkpoint : undefined,
    )
    const bytes = (decodeCbor(document) as CborValue[]).map(encodeCbor)
    const leaves = bytes.map(parseEpochLeaf)
    expect(leaves.map((leaf) => [leaf.epoch, leaf.node, leaf.outcome])).toEqual([
      [7, id(4), 'silence'],
      [7, id(5), 'affirm'],
    ])
    expect(leaves[1]!.checkpoint).toEqual(checkpoint)
    const [left, right] = bytes.map((leaf) => leafHash(sha256(leaf)))
    expect(root).toBe(toHex(nodeHash(left!, right!)))
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
  const facts = factsWith(...activeNodes(7))
  const other = { ...facts, epoch: { ...facts.epoch, seed: id(0xbeef) } }
  expect([...reportingOrder(facts)].sort()).toEqual(facts.nodes.map((n) => n.id))
  expect(reportingOrder(facts)).not.toEqual(reportingOrder(other))
})
