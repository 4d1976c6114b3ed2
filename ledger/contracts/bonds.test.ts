import type { Hex } from '@teapot-network/trust'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLedger } from '../src/ledger.ts'
import { nextStatus } from '../src/round.ts'
import { type Chain, createNode, keyOf, STATUSES, startChain, type TestNode } from '../testing/chain.ts'
import { watchRefusals } from '../testing/refusals.fixture.ts'

const ETHER = 10n ** 18n
const WEEK = 7 * 86_400
const { refuses } = watchRefusals()
let chain: Chain
let snapshot: unknown
let a: TestNode
let b: TestNode
let newcomer: TestNode

beforeAll(async () => {
  ;[a, b, newcomer] = (await Promise.all(['a', 'b', 'n'].map(createNode))) as [TestNode, TestNode, TestNode]
  chain = await startChain({ genesis: [a, b] })
  for (const node of [a, b]) await chain.register(node)
})
afterAll(() => chain?.[Symbol.asyncDispose]())
beforeEach(async () => {
  snapshot = await chain.rpc('evm_snapshot')
})
afterEach(() => chain.rpc('evm_revert', snapshot))

const bondOf = (node: TestNode) => chain.read('nodeRegistry', 'bondOf', [node.id])
const standingOf = async (node: TestNode) => {
  const { status, bonded } = await chain.read('nodeRegistry', 'standing', [node.id])
  return [STATUSES[status - 1], bonded]
}
const write = (node: TestNode, functionName: 'deposit' | 'withdraw' | 'retire', wei?: bigint) =>
  chain.write(node.key, 'nodeRegistry', functionName, [], wei)
const balanceOf = async (account: Hex) => BigInt((await chain.rpc('eth_getBalance', account, 'latest')) as Hex)
/** Makes an account a contract that takes no money. */
const refuseMoney = (account: Hex) => chain.rpc('anvil_setCode', account, '0x60006000fd')

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
    await refuses(chain.write(b.key, 'nodeRegistry', 'correct', [a.id, 1, true, 1]), 'NotJudge')
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
    expect(await standingOf(a)).toEqual(['inactive', false])
    expect(await chain.read('nodeRegistry', 'entitledCount', [])).toBe(1n)
    const affirm = async (epoch: number) => {
      const changes = [await chain.change({ node: a.id, outcome: 'affirm', epoch, boot: 1 }, [b])]
      return chain.write(keyOf('anyone'), 'attestation', 'report', [epoch, changes])
    }
    const ledger = createLedger({ rpcUrls: [chain.anvil.url], deployment: chain.deployment })
    const foreseen = async () => nextStatus(await ledger.readRound(), a.id, { epoch: 1, outcome: 'affirm', boot: 1 })
    expect(await foreseen()).toBeUndefined()
    await refuses(affirm(1), 'BondMissing', [a.id])
    await write(a, 'deposit', 1n)
    expect(await foreseen()).toBe('active')
    expect(await standingOf(a)).toEqual(['inactive', true])
    await affirm(1)
    expect(await standingOf(a)).toEqual(['active', true])
  })

  it('that is slashed below the least leaves the last node that may vote its vote', async () => {
    for (const node of [a, b]) await chain.judge('slash', [node.id, 1n])
    expect([await standingOf(a), await standingOf(b)]).toEqual([
      ['inactive', false],
      ['pending', false],
    ])
    expect(await chain.read('nodeRegistry', 'entitledCount', [])).toBe(1n)
  })
})
