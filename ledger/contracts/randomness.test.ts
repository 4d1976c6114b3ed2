import { randomBytes } from 'node:crypto'
import { type Hex, toHex } from '@teapot-network/trust'
import fc from 'fast-check'
import { encodeAbiParameters, keccak256 } from 'viem'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { assigned, contributors, permutation, reviewed, votesNeeded } from '../src/assignment.ts'
import { seedCommitment } from '../src/commitment.ts'
import type { Change } from '../src/round.ts'
import { byId, createNodes, useChain } from '../testing/chain.fixture.ts'
import { createNode, keyOf, MIN_EPOCH_SECONDS, type TestNode, ZERO } from '../testing/chain.ts'

const COMMITTEE = 3
const SECRET = keyOf('a secret')
const genesis = await createNodes('a', 'b', 'c', 'd', 'e', 'f', 'g')
const newcomer = await createNode('newcomer')
const { chain, refuses, standingOf, bondOf, readRound, ...network } = useChain({ genesis, committee: COMMITTEE })

/** Seven genesis nodes, in epoch 3: the first with a frozen set. */
beforeAll(async () => {
  for (const node of genesis) await chain.register(node)
  await close()
  await close()
})

const close = (reporter = genesis[0], changes?: Change[]) => network.close(reporter, ZERO, changes)
const nodeOf = (id: Hex) => [...genesis, newcomer].find((node) => node.id === id)!
const assignedOf = async (epoch: number, id: Hex) =>
  [...(await chain.read('attestation', 'assignedOf', [epoch, id]))].sort()
const commit = (node: TestNode, epoch: number, secret = SECRET) =>
  chain.write(node.key, 'attestation', 'commit', [epoch, seedCommitment(epoch, node.id, secret)])
const reveal = (node: TestNode, epoch: number, secret = SECRET) =>
  chain.write(node.key, 'attestation', 'reveal', [epoch, secret])
const contribution = (node: Hex, secret: Hex) =>
  keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'bytes32' }], [node, secret]))

/** The seed that the newest block made, from what was mixed in. */
async function seedWith(epoch: number, ...mixed: Hex[]): Promise<Hex> {
  const block = (await chain.rpc('eth_getBlockByNumber', 'latest', false)) as Record<string, Hex>
  const mix = mixed.reduce((sum, one) => sum ^ ((BigInt(one) >> 32n) << 32n), 0n)
  const before = await chain.read('attestation', 'seedOf', [epoch - 1])
  const types = ['bytes32', 'bytes32', 'uint256', 'bytes32', 'uint32'].map((type) => ({ type }))
  const values = [
    before,
    `0x${mix.toString(16).padStart(64, '0')}`,
    BigInt(block['mixHash']!),
    block['parentHash'],
    epoch,
  ]
  const hash = keccak256(encodeAbiParameters(types, values))
  return `${hash.slice(0, 56)}${block['number']!.slice(2).padStart(10, '0')}` as Hex
}

describe('the permutation', () => {
  it('is the same here and there, for every size up to 300 and any seed', { timeout: 300_000 }, async () => {
    for (let size = 1; size <= 300; size++) {
      const seed = toHex(randomBytes(32))
      const there = await chain.read('attestation', 'permutation', [seed, size])
      expect([...permutation(seed, size)], `${seed} ${size}`).toEqual(there)
    }
  })

  it('is one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 0, max: 3_000 }), (seed, size) => {
        const positions = permutation(toHex(seed), size)
        expect(positions.toSorted()).toEqual(Uint32Array.from({ length: size }, (_, i) => i))
      }),
    )
  })
})

describe('assignment', () => {
  it('draws a committee for each node, never itself, the same here and there, in equal shares', async () => {
    await chain.register(newcomer)
    const round = await readRound()
    expect([round.frozenCount, round.committee]).toEqual([7, COMMITTEE])
    const shares = new Map<string, number>()
    for (const { id } of [...genesis, newcomer]) {
      const drawn = assigned(round, id)
      expect(drawn).toEqual(await assignedOf(3, id))
      expect(new Set(drawn).size).toBe(COMMITTEE)
      expect(drawn).not.toContain(id)
      expect(votesNeeded(round, id)).toBe(2)
      if (id !== newcomer.id) for (const voter of drawn) shares.set(voter, (shares.get(voter) ?? 0) + 1)
    }
    expect([...shares.values()]).toEqual(Array(7).fill(COMMITTEE))
  })

  it('passes over who is not entitled, or was not before the seed could be known', async () => {
    await chain.place(genesis[1]!, 'suspect')
    await chain.place(genesis[2]!, 'suspect')
    await chain.place(genesis[2]!, 'active')
    const drawnNow = async () => {
      const round = await readRound()
      const { number } = round.facts.epoch
      for (const { id } of genesis) expect(assigned(round, id)).toEqual(await assignedOf(number, id))
      return new Set(genesis.flatMap(({ id }) => assigned(round, id)))
    }
    for (const _ of [3, 4]) {
      const drawn = await drawnNow()
      expect([genesis[1], genesis[2]].map((node) => drawn.has(node!.id))).toEqual([false, false])
      await close()
    }
    const drawn = await drawnNow()
    expect([genesis[1], genesis[2]].map((node) => drawn.has(node!.id))).toEqual([false, true])
  })

  it('leaves the vote to all where too few are eligible to draw from', async () => {
    for (const node of genesis.slice(2)) {
      await chain.place(node, 'suspect')
      await chain.place(node, 'active')
    }
    const round = await readRound()
    expect(await assignedOf(3, genesis[0]!.id)).toEqual([])
    expect(assigned(round, genesis[0]!.id).length).toBe(6)
    expect(votesNeeded(round, genesis[0]!.id)).toBe(4)
  })

  it('lets votes count from the assigned alone, two thirds of them', async () => {
    const [subject] = genesis
    const drawn = (await assignedOf(3, subject!.id)).map(nodeOf)
    const other = genesis.find((node) => node !== subject && !drawn.includes(node))!
    const report = async (voters: TestNode[]) => {
      const change = await chain.change({ node: subject!.id, outcome: 'affirm', epoch: 3, boot: 1 }, voters)
      return chain.write(other.key, 'attestation', 'report', [3, [change]])
    }
    await refuses(report([drawn[0]!, other]), 'VoterNotAssigned', [subject!.id, other.id])
    await refuses(report([drawn[0]!]), 'QuorumMissed', [subject!.id, 1n, 3n])
    // A report in the next epoch goes by the draw of the one that it is about.
    await close()
    await report([drawn[0]!, drawn[2]!])
    await refuses(chain.read('attestation', 'assignedOf', [2, subject!.id]), 'WrongEpoch', [4, 2])
    await refuses(chain.read('attestation', 'assignedOf', [5, subject!.id]), 'WrongEpoch', [4, 5])
  })
})

describe('a late report', () => {
  const report = async (epoch: number, voters: TestNode[]) => {
    const change = await chain.change({ node: genesis[0]!.id, outcome: 'mismatch', epoch, boot: 1 }, voters)
    return chain.write(keyOf('anyone'), 'attestation', 'report', [epoch, [change]])
  }

  it('goes by the committee that was drawn, whoever lost the vote since', async () => {
    const [subject] = genesis
    const closed = await readRound()
    const drawn = (await assignedOf(3, subject!.id)).map(nodeOf)
    await close()
    await chain.place(drawn[0]!, 'suspect')
    const round = reviewed(closed, await readRound())
    expect(assigned(round, subject!.id)).toEqual(await assignedOf(3, subject!.id))
    expect(assigned(round, subject!.id)).toEqual(expect.arrayContaining([drawn[1]!.id, drawn[2]!.id]))
    await refuses(report(3, [drawn[0]!, drawn[1]!].toSorted(byId)), 'VoterNotEntitled', [subject!.id, drawn[0]!.id])
    await report(3, [drawn[1]!, drawn[2]!])
  })

  it('hears those who could vote then, in the number that they were: nobody who was admitted at its close or since', async () => {
    const [subject, b, c, d, e, f, g] = genesis
    // Three are left, all of whom may vote; of the newcomers none is eligible to draw from.
    for (const node of [d, e, f, g]) await chain.place(node, 'inactive')
    const closed = await readRound()
    expect(votesNeeded(closed, subject.id)).toBe(2)
    const affirm = ({ id }: TestNode) =>
      chain.change({ node: id, outcome: 'affirm', epoch: 3, boot: 1 }, assigned(closed, id).map(nodeOf))
    await close(b, await Promise.all([d, e].map(affirm)))
    for (const node of [f, g]) await chain.place(node, 'active')
    const round = reviewed(closed, await readRound())
    expect([assigned(round, subject.id), votesNeeded(round, subject.id)]).toEqual([[b.id, c.id], 2])
    for (const late of [e, g]) {
      await refuses(report(3, [b, late].toSorted(byId)), 'VoterNotEntitled', [subject.id, late.id])
    }
    await refuses(report(3, [b]), 'QuorumMissed', [subject.id, 1n, 2n])
    await report(3, [b, c])
  })
})

describe('the seed', () => {
  let three: [TestNode, TestNode, TestNode]
  let outsider: TestNode
  beforeEach(async () => {
    three = contributors(await readRound(), 5).map(nodeOf) as typeof three
    outsider = genesis.find((node) => !three.includes(node))!
  })

  it('holds what contributors committed to in one epoch and revealed in the next', async () => {
    for (const node of three) await commit(node, 5, keyOf('changed my mind'))
    for (const node of three) await commit(node, 5)
    const ids = three.map(({ id }) => id)
    expect((await readRound()).beacon[1]).toEqual({ epoch: 5, contributors: ids, committed: ids, revealed: [] })
    await close()
    expect(contributors(await readRound(), 5)).toEqual(ids)
    await reveal(three[0], 5)
    // Whoever is late may still reveal, as long as nobody closed the epoch.
    await chain.elapse(10 * MIN_EPOCH_SECONDS)
    await reveal(three[1], 5)
    await reveal(three[2], 5)
    expect((await readRound()).beacon[0]).toEqual({ epoch: 5, contributors: ids, committed: ids, revealed: ids })
    await close()
    const { facts } = await readRound()
    expect(facts.epoch.seed).toBe(await seedWith(5, ...ids.map((id) => contribution(id, SECRET))))
    expect(await chain.read('attestation', 'seedOf', [5])).toBe(facts.epoch.seed)
    expect(await chain.read('nodeRegistry', 'bondOf', [ids[0]!])).toBe(10n ** 18n)
  })

  it('holds the commitment instead where the secret is not revealed, which costs a tenth of the bond', async () => {
    await commit(three[0], 5)
    await commit(three[1], 5)
    await close(outsider)
    await reveal(three[1], 5)
    await close(outsider)
    const mixed = [seedCommitment(5, three[0].id, SECRET), contribution(three[1].id, SECRET)]
    expect(await chain.read('attestation', 'seedOf', [5])).toBe(await seedWith(5, ...mixed))
    expect(await bondOf(three[0])).toBe(9n * 10n ** 17n)
    expect(await bondOf(three[1])).toBe(10n ** 18n)
    expect((await standingOf(three[0])).status).toBe(3)
    // What was committed to one seed is forgotten for the next of the same parity.
    await close(outsider)
    await close(outsider)
    expect(await chain.read('attestation', 'seedOf', [7])).toBe(await seedWith(7))
  })

  it('takes commitments of entitled contributors alone, two epochs ahead', async () => {
    await refuses(commit(outsider, 5), 'NotContributor', [expect.stringMatching(new RegExp(outsider.operator, 'i'))])
    await refuses(commit(newcomer, 5), 'NotContributor')
    for (const epoch of [3, 4, 6]) await refuses(commit(three[0], epoch), 'WrongEpoch', [3, epoch])
    await chain.place(three[0], 'suspect')
    await refuses(commit(three[0], 5), 'NotContributor')
  })

  it('takes only the secret that was committed to, while its time is', async () => {
    await commit(three[0], 5)
    await refuses(reveal(three[0], 5), 'WrongEpoch', [3, 5])
    await close(outsider)
    await refuses(reveal(three[1], 5), 'NothingToReveal', [5, three[1].id])
    await refuses(reveal(outsider, 5), 'NotContributor')
    await refuses(reveal(three[0], 5, keyOf('another')), 'WrongSecret', [5, three[0].id])
    // Demoted since, it may still save its bond.
    await chain.place(three[0], 'suspect')
    await reveal(three[0], 5)
    await refuses(reveal(three[0], 5), 'NothingToReveal', [5, three[0].id])
    await close(outsider)
    await refuses(reveal(three[0], 5), 'WrongEpoch', [5, 5])
  })
})
