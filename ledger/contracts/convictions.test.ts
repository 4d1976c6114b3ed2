import type { NodeStatus } from '@teapot-network/trust'
import type { Vote } from '@teapot-network/trust/vote'
import { describe, expect, it } from 'vitest'
import { createNode } from '../testing/chain.ts'
import { UNKNOWN, useDisputes } from '../testing/disputes.fixture.ts'

const ETHER = 10n ** 18n
const { nodes, chain, refuses, statusOf, bondOf, close, ...network } = await useDisputes()
const { quoteOf, voteOn, dispute, equivocation } = network
const [a, b, c, d] = nodes

describe('a conviction', () => {
  const falseAffirm = () => quoteOf({ rLog: UNKNOWN })

  it('follows from two statements of one voter on one node in one epoch', async () => {
    const affirm = await voteOn(quoteOf(), 'affirm')
    const others = [
      affirm,
      await voteOn(quoteOf(), 'mismatch', { epoch: 1 }),
      await voteOn(quoteOf(), 'mismatch', { node: c.id }),
      await voteOn(quoteOf(), 'mismatch', {}, b),
    ]
    for (const other of others) await refuses(equivocation(affirm, other), 'NoEquivocation', [a.id])
    const [said, vote] = await voteOn(quoteOf(), 'silence')
    await refuses(equivocation(affirm, [{ ...said, boot: 99 }, vote]), 'WrongVote', [a.id])
    await equivocation(affirm, [said, vote])
    expect([await statusOf(a), await statusOf(d), await bondOf(a)]).toEqual(['quarantined', 'active', 0n])
  })

  it('settles all that the voter said until then, and concerns nothing that is still to come', async () => {
    const quoted = falseAffirm()
    const [ahead, now, before] = [
      await voteOn(quoted, 'affirm', { epoch: 3 }),
      await voteOn(quoted, 'affirm'),
      await voteOn(quoted, 'affirm', { epoch: 1 }),
    ]
    await refuses(dispute(ahead, quoted.shown), 'NotPunishable', [a.id, 3])
    await dispute(now, quoted.shown)
    await chain.write(a.key, 'nodeRegistry', 'deposit', [], ETHER)
    await refuses(dispute(now, quoted.shown), 'NotPunishable', [a.id, 2])
    await refuses(dispute(before, quoted.shown), 'NotPunishable', [a.id, 1])
    expect(await bondOf(a)).toBe(ETHER)
    await close(b)
    await dispute(ahead, quoted.shown)
    expect(await bondOf(a)).toBe(0n)
  })

  it('slashes a voter that retired, too, before its bond is free', async () => {
    await chain.write(a.key, 'nodeRegistry', 'retire', [])
    await dispute(await voteOn(falseAffirm(), 'affirm'), falseAffirm().shown)
    expect([await statusOf(a), await bondOf(a)]).toEqual(['retired', 0n])
  })

  it('leaves a node that later votes have spoken of, is out or cannot be Active, where it stands', async () => {
    const stays = async (status: NodeStatus, lastEpoch: number, outcome: Vote['outcome']) => {
      const before = await chain.rpc('evm_snapshot')
      await chain.place(d, status, { lastEpoch })
      const quoted = outcome === 'affirm' ? falseAffirm() : quoteOf()
      await dispute(await voteOn(quoted, outcome), quoted.shown)
      expect(await statusOf(d), `${status} ${lastEpoch} ${outcome}`).toBe(status)
      await chain.rpc('evm_revert', before)
    }
    await stays('active', 3, 'affirm')
    for (const status of ['suspect', 'quarantined', 'retired'] as const) await stays(status, 2, 'affirm')
    for (const status of ['active', 'inactive', 'retired'] as const) await stays(status, 2, 'mismatch')
    await stays('quarantined', 1, 'mismatch')
  })

  it('demotes nobody by the word of one that has no vote to lose', async () => {
    const quoted = falseAffirm()
    const stranger = await createNode('stranger')
    await chain.register(stranger)
    await dispute(await voteOn(quoted, 'affirm', {}, stranger), quoted.shown)
    await dispute(await voteOn(quoted, 'affirm'), quoted.shown)
    expect([await statusOf(stranger), await statusOf(a), await statusOf(d)]).toEqual([
      'quarantined',
      'quarantined',
      'suspect',
    ])
    await close(b)
    await chain.place(d, 'active')
    // Convicted, it lies on at no cost.
    await dispute(await voteOn(quoted, 'affirm', { epoch: 3 }), quoted.shown)
    expect(await statusOf(d)).toBe('active')
  })

  it('makes nobody Active whom a quorum turned out, by the word of one accomplice', async () => {
    await chain.place(d, 'quarantined', { lastEpoch: 2, boot: 9 })
    const old = quoteOf({ boot: 3 })
    await dispute(await voteOn(old, 'mismatch'), old.shown)
    expect(await statusOf(d)).toBe('inactive')
  })

  it('never takes the last vote', async () => {
    for (const node of [b, c]) await chain.place(node, 'inactive')
    await dispute(await voteOn(falseAffirm(), 'affirm'), falseAffirm().shown)
    // D fell first, and A with its false vote is what is left.
    expect([await statusOf(d), await statusOf(a), await bondOf(a)]).toEqual(['suspect', 'active', 0n])
  })
})
