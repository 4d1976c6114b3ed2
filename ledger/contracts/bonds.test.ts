import type { Hex } from '@teapot-network/trust'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { LedgerRevert } from '../src/revert.ts'
import { nextStatus } from '../src/round.ts'
import { createNodes, useChain } from '../testing/chain.fixture.ts'
import { keyOf, type TestNode } from '../testing/chain.ts'

const ETHER = 10n ** 18n
const WEEK = 7 * 86_400
const [a, b, newcomer] = await createNodes('a', 'b', 'n')
const { chain, refuses, bondOf, balanceOf, statusOf, standingOf, readRound } = useChain({ genesis: [a, b] })
beforeAll(async () => {
  for (const node of [a, b]) await chain.register(node)
})

const standsAt = async (node: TestNode) => [await statusOf(node), (await standingOf(node)).bonded]
const write = (node: TestNode, functionName: 'deposit' | 'withdraw' | 'retire', wei?: bigint) =>
  chain.write(node.key, 'nodeRegistry', functionName, [], wei)
/** Makes an account a contract that takes no money. */
const refuseMoney = (account: Hex) => chain.rpc('anvil_setCode', account, '0x60006000fd')

describe('all bonds together', () => {
  const PAID: Hex = `0x${'aa'.repeat(20)}`
  const UNPAID: Hex = `0x${'bb'.repeat(20)}`
  const convict = (node: TestNode, prover: Hex) => chain.judge('convict', [node.id, a.id, 1, prover])
  const actions: Record<string, (node: TestNode, wei: bigint) => Promise<unknown>> = {
    register: (node, wei) => chain.register(node, wei),
    deposit: (node, wei) => write(node, 'deposit', wei),
    slash: (node, wei) => chain.judge('slash', [node.id, wei]),
    retire: (node) => write(node, 'retire'),
    withdraw: (node) => write(node, 'withdraw'),
    elapse: () => chain.elapse(WEEK),
    convict: (node) => convict(node, PAID),
    convictUnpaid: (node) => convict(node, UNPAID),
  }
  async function books() {
    const bonds = await Promise.all([a, b, newcomer].map(bondOf))
    return { sum: bonds.reduce((sum, one) => sum + one, 0n), held: await balanceOf(chain.deployment.nodeRegistry) }
  }

  it('are what the registry holds beside what was slashed, whatever is done in whatever order', {
    timeout: 300_000,
  }, async () => {
    await refuseMoney(UNPAID)
    const one = fc.tuple(
      fc.constantFrom(...Object.keys(actions)),
      fc.constantFrom(a, b, newcomer),
      fc.bigInt({ min: 0n, max: 3n * ETHER }),
    )
    const property = fc.asyncProperty(fc.array(one, { minLength: 12, maxLength: 12 }), async (sequence) => {
      const fresh = await chain.rpc('evm_snapshot')
      for (const [name, node, wei] of sequence) {
        const before = await books()
        const refused = await actions[name]!(node, wei).then(
          () => false,
          (error) => error instanceof LedgerRevert,
        )
        const after = await books()
        const [left, paid] = [before.sum - after.sum, before.held - after.held]
        const expected = { slash: 0n, convictUnpaid: 0n, convict: left / 3n }[name] ?? left
        expect(paid, `${name} ${wei}`).toBe(refused ? 0n : expected)
        if (refused) expect(left).toBe(0n)
        else if (name === 'deposit' || name === 'register') expect(left).toBe(-wei)
        else expect(left).toBeGreaterThanOrEqual(0n)
        expect(after.held).toBeGreaterThanOrEqual(after.sum)
      }
      await chain.rpc('evm_revert', fresh)
    })
    await fc.assert(property, { numRuns: 8, endOnFailure: true })
  })
})

describe('a bond', () => {
  it('is paid at registration, the least at least, and can be added to', async () => {
    await refuses(chain.register(newcomer, ETHER - 1n), 'BondTooSmall', [ETHER, ETHER - 1n])
    await refuses(write(newcomer, 'deposit', 1n), 'NotRegistered')
    await chain.register(newcomer, ETHER + 5n)
    await write(newcomer, 'deposit', 2n)
    expect(await bondOf(newcomer)).toBe(ETHER + 7n)
    expect(await chain.read('nodeRegistry', 'minBondWei', [])).toBe(ETHER)
  })

  it('comes back a week after retiring, once', async () => {
    await refuses(write(a, 'withdraw'), 'BondLocked', [0n])
    await write(a, 'retire')
    await chain.elapse(WEEK - 10)
    await refuses(write(a, 'withdraw'), 'BondLocked')
    await chain.elapse(10)
    const before = await balanceOf(a.operator)
    await write(a, 'withdraw')
    expect(await balanceOf(a.operator)).toBeGreaterThan(before + ETHER - ETHER / 1000n)
    await write(a, 'withdraw')
    expect(await balanceOf(chain.deployment.nodeRegistry)).toBe(ETHER)
  })

  it('stays where the operator does not take it', async () => {
    await write(a, 'retire')
    await chain.elapse(WEEK)
    await refuseMoney(a.operator)
    await refuses(write(a, 'withdraw'), 'PaymentFailed')
    expect(await bondOf(a)).toBe(ETHER)
  })

  it('is slashed by the contracts that judge alone', async () => {
    await refuses(chain.write(b.key, 'nodeRegistry', 'slash', [a.id, 1n]), 'NotJudge')
    await refuses(chain.write(b.key, 'nodeRegistry', 'convict', [a.id, b.id, 1, b.operator]), 'NotJudge')
    await refuses(chain.write(b.key, 'nodeRegistry', 'correct', [a.id, 1, true, 1, b.id]), 'NotJudge')
  })

  it('gives a third of what is slashed to whoever proved it; the rest, and what is not taken, stays for good', async () => {
    const prover: Hex = '0x00000000000000000000000000000000000000aa'
    await chain.judge('convict', [a.id, b.id, 1, prover])
    expect([await balanceOf(prover), await bondOf(a)]).toEqual([ETHER / 3n, 0n])
    await refuseMoney(prover)
    await chain.judge('convict', [b.id, a.id, 1, prover])
    expect([await balanceOf(prover), await bondOf(b)]).toEqual([ETHER / 3n, 0n])
    await chain.judge('slash', [b.id, ETHER])
    expect(await balanceOf(chain.deployment.nodeRegistry)).toBe(2n * ETHER - ETHER / 3n)
  })

  it('that fell below the least takes the vote until it is topped up and the node affirmed anew', async () => {
    await chain.place(a, 'active')
    await chain.judge('slash', [a.id, 1n])
    expect(await standsAt(a)).toEqual(['inactive', false])
    expect(await chain.read('nodeRegistry', 'entitledCount', [])).toBe(1n)
    const affirm = async (epoch: number) => {
      const changes = [await chain.change({ node: a.id, outcome: 'affirm', epoch, boot: 1 }, [b])]
      return chain.write(keyOf('anyone'), 'attestation', 'report', [epoch, changes])
    }
    const foreseen = async () => nextStatus(await readRound(), a.id, { epoch: 1, outcome: 'affirm', boot: 1 })
    expect(await foreseen()).toBeUndefined()
    await refuses(affirm(1), 'BondMissing', [a.id])
    await write(a, 'deposit', 1n)
    expect(await foreseen()).toBe('active')
    expect(await standsAt(a)).toEqual(['inactive', true])
    await affirm(1)
    expect(await standsAt(a)).toEqual(['active', true])
  })

  it('that is slashed below the least leaves the last node that may vote its vote', async () => {
    for (const node of [a, b]) await chain.judge('slash', [node.id, 1n])
    expect([await standsAt(a), await standsAt(b)]).toEqual([
      ['inactive', false],
      ['pending', false],
    ])
    expect(await chain.read('nodeRegistry', 'entitledCount', [])).toBe(1n)
  })
})
