import type { Vote } from '@teapot-network/trust/vote'
import { describe, expect, it } from 'vitest'
import { byId } from '../testing/chain.fixture.ts'
import { sha256Hex } from '../testing/chain.ts'
import { PROVER, R, UNKNOWN, useDisputes } from '../testing/disputes.fixture.ts'
import { type Quoted, type quoteBy, replay } from '../testing/quote.ts'

const ETHER = 10n ** 18n
const { nodes, chain, refuses, statusOf, standingOf, bondOf, close, ...network } = await useDisputes()
const { addR, publish, quoteOf, voteOn, dispute, disputeR, balanceOfProver } = network
const [a, b, c, d] = nodes

describe('a dispute', () => {
  it.each<[string, Parameters<typeof quoteBy>[1]]>([
    ['a runtime that was never registered', { rLog: UNKNOWN }],
    ['an entry that the registry never held', { cLog: [sha256Hex('rogue')] }],
  ])('convicts who affirmed %s, and suspects the node', async (_, shown) => {
    const quoted = quoteOf({ ...shown, boot: 7 })
    const before = await balanceOfProver()
    await dispute(await voteOn(quoted, 'affirm'), quoted.shown)
    expect([await statusOf(a), await bondOf(a)]).toEqual(['quarantined', 0n])
    expect(await standingOf(d)).toMatchObject({ status: 4, lastEpoch: 2, boot: 7 })
    expect((await balanceOfProver()) - before).toBeGreaterThan(ETHER / 4n)
  })

  it.each<[string, Parameters<typeof quoteBy>[1]]>([
    ['a log that replays to another R', { pcrs: { 12: R, 13: replay([]) }, rLog: [], cLog: [] }],
    ['a log that replays to another C', { pcrs: { 12: R, 13: sha256Hex('lie') } }],
  ])('convicts who affirmed %s, and lets the node be: the log is what the voter says', async (_, shown) => {
    const quoted = quoteOf({ ...shown, boot: 7 })
    await dispute(await voteOn(quoted, 'affirm'), quoted.shown)
    expect([await statusOf(a), await bondOf(a), await statusOf(d)]).toEqual(['quarantined', 0n, 'active'])
  })

  it('suspects no node by the quote of a boot before the one that a quorum affirmed last', async () => {
    await chain.place(d, 'inactive', { lastEpoch: 1 })
    await close(b)
    const affirm = await chain.change({ node: d.id, outcome: 'affirm', epoch: 3, boot: 5 }, [b, c].toSorted(byId))
    await chain.write(PROVER, 'attestation', 'report', [3, [affirm]])
    await close(b)
    for (const [boot, status] of [
      [4, 'active'],
      [5, 'suspect'],
    ] as const) {
      const before = await chain.rpc('evm_snapshot')
      const quoted = quoteOf({ rLog: UNKNOWN, boot })
      await dispute(await voteOn(quoted, 'affirm', { epoch: 4 }), quoted.shown)
      expect([await statusOf(a), await statusOf(d), await bondOf(a)]).toEqual(['quarantined', status, 0n])
      await chain.rpc('evm_revert', before)
    }
    // Nor by one that was convicted since, and has no boot to leave.
    await chain.judge('convict', [d.id, a.id, 1, b.operator])
    expect(await standingOf(d)).toMatchObject({ status: 5, boot: 0 })
  })

  it('convicts who affirmed what was published, and never approved, or is of no kind that is provisioned', async () => {
    for (const cLog of [[...quoteOf().shown.cLog, await publish('waiting', 3)], [await publish('a-page', 6)]]) {
      const before = await chain.rpc('evm_snapshot')
      const quoted = quoteOf({ cLog })
      await dispute(await voteOn(quoted, 'affirm'), quoted.shown)
      expect(await statusOf(a)).toBe('quarantined')
      await chain.rpc('evm_revert', before)
    }
  })

  it('convicts who called a mismatch what was approved before the epoch opened, and lets a quorum affirm the node in the same boot', async () => {
    const quoted = quoteOf()
    for (const status of ['suspect', 'quarantined'] as const) {
      const before = await chain.rpc('evm_snapshot')
      await chain.place(d, status, { lastEpoch: 2, boot: 1 })
      await dispute(await voteOn(quoted, 'mismatch'), quoted.shown)
      expect([await statusOf(a), await statusOf(d), await bondOf(a)]).toEqual(['quarantined', 'inactive', 0n])
      const affirm = { node: d.id, outcome: 'affirm', epoch: 3, boot: 1 } as const
      await close(b)
      await chain.write(PROVER, 'attestation', 'report', [3, [await chain.change(affirm, [b, c].toSorted(byId))]])
      expect(await statusOf(d)).toBe('active')
      await chain.rpc('evm_revert', before)
    }
  })

  it('convicts who named another boot than the quote, whatever else was said', async () => {
    const quoted = quoteOf({ boot: 2 ** 16 + 3 })
    await dispute(await voteOn(quoted, 'affirm', { boot: 3 }), quoted.shown)
    expect([await statusOf(a), await statusOf(d)]).toEqual(['quarantined', 'active'])
  })

  it('decides nothing where the vote was right, or what is approved changed meanwhile', async () => {
    const undecided = async (quoted: Quoted, outcome: Vote['outcome']) =>
      refuses(dispute(await voteOn(quoted, outcome), quoted.shown), 'Undecided', [a.id])
    await undecided(quoteOf(), 'affirm')
    await undecided(quoteOf({ rLog: UNKNOWN }), 'mismatch')
    await undecided(quoteOf({ rLog: UNKNOWN }), 'silence')
    await addR(replay(UNKNOWN))
    await undecided(quoteOf({ rLog: UNKNOWN }), 'mismatch')
    await undecided(quoteOf({ rLog: UNKNOWN }), 'affirm')
    const late = quoteOf({ cLog: [await publish('late', 4)] })
    await chain.write(chain.committee, 'codeRegistry', 'approve', [sha256Hex('late'), 1n])
    await undecided(late, 'mismatch')
    await undecided(late, 'affirm')
  })

  it('convicts nobody for what was approved when they voted, though the committee revoked it at once since', async () => {
    await chain.write(chain.committee, 'referenceValues', 'revoke', [R])
    await chain.write(chain.committee, 'codeRegistry', 'revoke', [sha256Hex('greeter'), 1n])
    await refuses(dispute(await voteOn(quoteOf(), 'affirm'), quoteOf().shown), 'Undecided')
    const [entry] = (await chain.read('codeRegistry', 'list', [0n, 1n]))[0]
    expect(entry!.status).toBe(5)
  })

  it('over R alone needs no logs', async () => {
    const quoted = quoteOf({ rLog: UNKNOWN })
    await refuses(disputeR(await voteOn(quoteOf(), 'mismatch'), quoteOf()), 'Undecided')
    await refuses(disputeR(await voteOn(quoteOf(), 'affirm'), quoteOf()), 'Undecided')
    await disputeR(await voteOn(quoted, 'affirm'), quoted)
    expect([await statusOf(a), await statusOf(d)]).toEqual(['quarantined', 'suspect'])
  })
})
