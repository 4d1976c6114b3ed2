import type { Hex } from '@teapot-network/trust'
import { describe, expect, it } from 'vitest'
import { deployContracts } from '../src/deploy.ts'
import { createNodes, useChain } from '../testing/chain.fixture.ts'
import { type TestNode, ZERO } from '../testing/chain.ts'

const [PENDING, ACTIVE, RETIRED] = [1, 2, 7]
const [first, second, stranger] = await createNodes('first', 'second', 'stranger')
const { chain, refuses, unprovoked, standingOf } = useChain({ genesis: [first, second] })

const list = async () => (await chain.read('nodeRegistry', 'list', [0n, 100n]))[0]
const statusOf = async (node: TestNode) => (await standingOf(node)).status
const entitledCount = async () => Number(await chain.read('nodeRegistry', 'entitledCount', []))
const retire = (node: TestNode) => chain.write(node.key, 'nodeRegistry', 'retire', [])

describe('NodeRegistry', () => {
  it('derives the node id from the AK as the TPM does, and lists the node as Pending', async () => {
    await chain.register(stranger)
    const [node] = await list()
    expect(node).toMatchObject({
      id: stranger.id,
      akX: stranger.akX,
      akY: stranger.akY,
      ekDigest: stranger.ekDigest,
      voteKeyX: stranger.voteKeyX,
      voteKeyY: stranger.voteKeyY,
      contact: '{"http":"http://127.0.0.1:1"}',
    })
    expect(node!.standing).toMatchObject({ status: PENDING, genesis: false, lastEpoch: 0, quarantinedBoot: 0 })
    expect(await chain.read('nodeRegistry', 'nodeOf', [stranger.operator])).toBe(stranger.id)
  })

  it('lets the genesis set vote while Pending, and nobody else', async () => {
    await chain.register(first)
    await chain.register(stranger)
    expect(await entitledCount()).toBe(1)
    expect((await chain.read('nodeRegistry', 'voter', [first.id]))[0]).toBe(true)
    expect((await chain.read('nodeRegistry', 'voter', [stranger.id]))[0]).toBe(false)
  })

  it('ends the genesis privilege once as many nodes are Active as the genesis set has operators', async () => {
    await chain.register(first)
    await chain.register(stranger)
    await chain.place(stranger, 'active')
    expect(await entitledCount()).toBe(2)
    await chain.place(first, 'active')
    await chain.register(second)
    expect(await entitledCount()).toBe(2)
    expect((await list())[2]!.standing.genesis).toBe(false)
    await chain.place(stranger, 'inactive')
    expect(await entitledCount()).toBe(1)
  })

  it('lets an operator change its contact', async () => {
    await chain.register(first)
    await chain.write(first.key, 'nodeRegistry', 'setContact', ['{"http":"http://127.0.0.1:2"}'])
    expect((await list())[0]!.contact).toBe('{"http":"http://127.0.0.1:2"}')
  })

  it('retires a node for good, its keys staying taken', async () => {
    await chain.register(first)
    await chain.register(second)
    await retire(first)
    expect(await statusOf(first)).toBe(RETIRED)
    expect(await entitledCount()).toBe(1)
    await refuses(retire(first), 'AlreadyRetired', [first.id])
    await refuses(chain.register({ ...first, key: stranger.key }), 'NodeExists')
  })

  it('remembers at the end of which blocks a node was Active', async () => {
    await chain.register(first)
    const { block } = await chain.register(stranger)
    const course = ['active', 'suspect', 'active', 'inactive', 'suspect', 'quarantined', 'active', 'active'] as const
    for (const status of course) await chain.place(stranger, status)
    // Two changes in one block: only the later stood at its end.
    await chain.rpc('evm_setAutomine', false)
    const placed: Promise<void>[] = []
    for (const status of ['suspect', 'active'] as const) {
      placed.push(chain.place(stranger, status))
      await expect.poll(() => chain.rpc('txpool_status')).toMatchObject({ pending: `0x${placed.length}` })
    }
    await chain.rpc('evm_mine')
    await Promise.all(placed)
    await chain.rpc('evm_setAutomine', true)
    await retire(stranger)
    const expected = [false, false, ...course.map((status) => status === 'active'), true, false, false]
    const found = expected.map((_, i) => chain.read('nodeRegistry', 'activeAt', [stranger.id, BigInt(block - 1 + i)]))
    expect(await Promise.all(found)).toEqual(expected)
    expect((await list())[1]!.standing.sinceBlock).toBe(block + course.length + 2)
  })

  it('pages, and changes its revision with every write', async () => {
    await chain.register(first)
    await chain.register(second)
    const [page, before] = await chain.read('nodeRegistry', 'list', [1n, 1n])
    expect(page.map((node) => node.id)).toEqual([second.id])
    await chain.write(first.key, 'nodeRegistry', 'setContact', ['x'])
    await chain.place(first, 'active')
    await retire(second)
    expect((await chain.read('nodeRegistry', 'list', [0n, 0n]))[1]).toBe(before + 3n)
  })

  it('refuses keys that are no points of the curve, and no EK digest', async () => {
    const bad: Hex = `0x${'11'.repeat(32)}`
    for (const change of [{ akX: bad }, { voteKeyY: bad }, { akX: ZERO, akY: ZERO }, { ekDigest: ZERO }]) {
      await refuses(chain.register({ ...first, ...change }), 'InvalidKey')
    }
  })

  it('refuses contacts that are empty or too long', async () => {
    await chain.register(first)
    for (const contact of ['', 'x'.repeat(513)]) {
      await refuses(chain.write(first.key, 'nodeRegistry', 'setContact', [contact]), 'InvalidContact')
    }
  })

  it('refuses a second registration of an AK, EK, vote key or operator', async () => {
    await chain.register(first)
    const { voteKeyX, voteKeyY } = first
    await refuses(chain.register(first), 'NodeExists', [first.id])
    await refuses(chain.register({ ...second, key: first.key }), 'OperatorTaken')
    await refuses(chain.register({ ...second, ekDigest: first.ekDigest }), 'EndorsementKeyTaken', [first.ekDigest])
    await refuses(chain.register({ ...second, voteKeyX, voteKeyY }), 'VoteKeyTaken')
  })

  it('refuses contact or retirement of an operator without a node', async () => {
    await refuses(retire(stranger), 'NotRegistered')
    await refuses(chain.write(stranger.key, 'nodeRegistry', 'setContact', ['x']), 'NotRegistered')
  })

  it('does not let the last voter retire', async () => {
    await chain.register(first)
    await refuses(retire(first), 'LastEntitled', [first.id])
    await chain.register(stranger)
    await retire(stranger)
  })

  it('lets nobody but the contracts that judge write where a node stands', async () => {
    await chain.register(first)
    const call = chain.write(first.key, 'nodeRegistry', 'setStanding', [first.id, ACTIVE, false, 1, 0])
    await refuses(call, 'NotJudge')
  })

  it('is not deployed without a genesis operator', async () => {
    for (const genesis of [[], ['0x0000000000000000000000000000000000000000']] as Hex[][]) {
      const options = { rpcUrl: chain.anvil.url, committeeKey: chain.committee, genesis, minEpochSeconds: 1 }
      await refuses(deployContracts(options), 'NoGenesis')
    }
  })

  it('has no custom error that no test provokes', () => {
    const ofBonds = ['BondLocked', 'BondMissing', 'BondTooSmall', 'NotPunishable', 'PaymentFailed']
    expect(unprovoked('nodeRegistry')).toEqual(ofBonds)
  })
})
