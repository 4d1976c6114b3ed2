import type { Digest, LedgerFacts, NodeId, NodeRecord, NodeStatus, Outcome } from '@teapot-network/trust'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CastVote, changesStatus, entitledVoters, findings, quorum, reportingOrder } from './tally.ts'

const id = (n: number): NodeId => `0x${n.toString(16).padStart(64, '0')}`
const EVIDENCE: Digest = id(0xee)

function node(n: number, status: NodeStatus, genesis = false, quarantinedBoot = 0): NodeRecord {
  return {
    id: id(n),
    operator: `0x${n.toString(16).padStart(40, '0')}`,
    status,
    genesis,
    akX: id(1),
    akY: id(2),
    ekDigest: id(n),
    voteKey: '0x04',
    contact: '{}',
    quarantinedBoot,
  }
}

function factsWith(...nodes: NodeRecord[]): LedgerFacts {
  return {
    chainId: 31337,
    registry: `0x${'11'.repeat(20)}`,
    block: { number: 9, hash: id(9), timestamp: 1000 },
    epoch: { number: 3, seed: id(0x5eed), openedAt: 990 },
    referenceValues: [],
    entries: [],
    nodes,
  }
}

function vote(voter: number, subject: number, outcome: Outcome, boot = 1): CastVote {
  const [run, evidence] = [id(7), EVIDENCE]
  return { voter: id(voter), node: id(subject), outcome, run, boot, evidence, signature: `0x${'00'.repeat(64)}` }
}

describe('who may vote', () => {
  test('the genesis set votes while Pending, Active nodes always, nobody else', () => {
    const facts = factsWith(
      node(1, 'pending', true),
      node(2, 'active'),
      node(3, 'pending'),
      node(4, 'suspect', true),
      node(5, 'quarantined', true),
      node(6, 'inactive', true),
    )
    expect(entitledVoters(facts).map((voter) => voter.id)).toEqual([id(1), id(2)])
  })

  test('two thirds of all entitled others are needed, and at least one', () => {
    const five = factsWith(...[1, 2, 3, 4, 5].map((n) => node(n, 'active')))
    expect(quorum(five, id(1))).toBe(3)
    expect(quorum(factsWith(node(1, 'active'), node(2, 'active')), id(1))).toBe(1)
    expect(quorum(factsWith(node(1, 'active')), id(1))).toBe(1)
  })
})

describe('adding up', () => {
  const facts = factsWith(...[1, 2, 3, 4].map((n) => node(n, 'active')), node(5, 'pending'))

  test('a quorum of equal votes is a finding, its voters in ascending order', () => {
    const found = findings(facts, [vote(3, 5, 'affirm'), vote(1, 5, 'affirm'), vote(2, 5, 'affirm')])
    expect(found).toHaveLength(1)
    expect(found[0]!.votes.map((v) => v.voter)).toEqual([id(1), id(2), id(3)])
  })

  test('votes that differ in anything they say are not added together', () => {
    expect(findings(facts, [vote(1, 5, 'affirm', 1), vote(2, 5, 'affirm', 2), vote(3, 5, 'affirm', 3)])).toEqual([])
  })

  test('a vote for oneself, a second vote and a vote without entitlement count for nothing', () => {
    const votes = [vote(1, 1, 'affirm'), vote(5, 1, 'affirm'), vote(2, 1, 'affirm'), vote(2, 1, 'affirm')]
    expect(findings(facts, votes)).toEqual([])
  })

  test('no mix of votes below the quorum makes a finding', () => {
    const voters = fc.subarray([1, 2, 3, 4], { maxLength: 2 })
    fc.assert(
      fc.property(voters, fc.constantFrom<Outcome>('affirm', 'mismatch', 'silence'), (who, outcome) => {
        expect(findings(facts, who.map((voter) => vote(voter, 5, outcome)))).toEqual([])
      }),
    )
  })
})

describe('what the ledger is told', () => {
  const finding = (subject: number, outcome: Outcome, boot = 1) => ({
    ...vote(1, subject, outcome, boot),
    votes: [vote(1, subject, outcome, boot)],
  })

  test('an Active node that is affirmed again changes nothing', () => {
    expect(changesStatus(node(1, 'active'), finding(1, 'affirm'))).toBe(false)
    expect(changesStatus(node(1, 'active'), finding(1, 'mismatch'))).toBe(true)
  })

  test('a quarantined node comes back only in another boot', () => {
    expect(changesStatus(node(1, 'quarantined', false, 4), finding(1, 'affirm', 4))).toBe(false)
    expect(changesStatus(node(1, 'quarantined', false, 4), finding(1, 'affirm', 5))).toBe(true)
  })

  test('the order of reporters changes with the seed and holds every entitled node once', () => {
    const facts = factsWith(...[1, 2, 3, 4, 5, 6, 7].map((n) => node(n, 'active')))
    const other = { ...facts, epoch: { ...facts.epoch, seed: id(0xbeef) } }
    expect([...reportingOrder(facts)].sort()).toEqual(facts.nodes.map((n) => n.id))
    expect(reportingOrder(facts)).not.toEqual(reportingOrder(other))
  })
})
