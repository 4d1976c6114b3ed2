import type { Hex } from '@teapot-network/trust'
import { describe, expect, it } from 'vitest'
import { deployContracts } from '../src/deploy.ts'
import { encodeRegistration } from '../src/registration.ts'
import { nextStatus } from '../src/round.ts'
import { byId, createNodes, useChain } from '../testing/chain.fixture.ts'
import { registrationOf, sha256Hex, type TestNode, ZERO } from '../testing/chain.ts'
import { accountOf } from '../testing/encode-call.ts'
import { quoteBy } from '../testing/quote.ts'

/** A point of P-256. */
const GENERATOR = {
  x: '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296',
  y: '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
}
const [PENDING, ACTIVE, RETIRED] = [1, 2, 7]
const [first, second, stranger] = await createNodes('first', 'second', 'stranger')
const { chain, refuses, unprovoked, standingOf, readRound } = useChain({ genesis: [first, second] })

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
    expect(node!.standing).toMatchObject({ status: PENDING, genesis: false, lastEpoch: 0, boot: 0 })
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

  it('refuses a second registration of an AK, vote key or operator', async () => {
    await chain.register(first)
    const { voteKeyX, voteKeyY } = first
    await refuses(chain.register(first), 'NodeExists', [first.id])
    await refuses(chain.register({ ...second, key: first.key }), 'OperatorTaken')
    await refuses(chain.register({ ...second, voteKeyX, voteKeyY }), 'VoteKeyTaken')
  })

  it('refuses whoever saw a registration, or evidence, and has not the keys', async () => {
    const [said, shown] = await registrationOf(chain.deployment, first)
    const [ofStranger, shownByStranger] = await registrationOf(chain.deployment, stranger)
    const register = (args: Awaited<ReturnType<typeof registrationOf>>, key = first.key) =>
      chain.write(key, 'nodeRegistry', 'register', args, 10n ** 18n)
    /** The AK signs, for it is there, but something else. */
    const quoted = (extraData: Hex, pcrs: Record<number, Hex> = { 0: ZERO }) => {
      const { attest, r, s } = quoteBy(first.ak, { extraData, pcrs }).shown
      return [said, { ...shown, attest, akR: r, akS: s }] as const
    }
    const digest = `0x${shown.attest.slice(2 + 2 * 44, 2 + 2 * 76)}` as const
    await refuses(register([said, shown], stranger.key), 'NotForRegistration')
    await refuses(register([{ ...said, ekDigest: stranger.ekDigest }, shown]), 'NotForRegistration')
    await refuses(register([{ ...said, contact: 'x' }, shown]), 'NotForRegistration')
    const { voteKeyX, voteKeyY } = stranger
    await refuses(register([{ ...said, voteKeyX, voteKeyY }, shown]), 'NotForRegistration')
    await refuses(register(await registrationOf({ ...chain.deployment, chainId: 1 }, first)), 'NotForRegistration')
    const { codeRegistry: nodeRegistry } = chain.deployment
    await refuses(register(await registrationOf({ ...chain.deployment, nodeRegistry }, first)), 'NotForRegistration')
    await refuses(register(quoted(sha256Hex('evidence'))), 'NotForRegistration', [digest])
    for (const pcr of [12, 13]) await refuses(register(quoted(digest, { [pcr]: ZERO })), 'NotForRegistration')
    for (const change of ['ff54434780170022', 'ff54434880180022']) {
      const attest: Hex = `0x${change}${shown.attest.slice(18)}`
      await refuses(register([said, { ...shown, attest }]), 'MalformedQuote')
    }
    await refuses(register([said, { ...shown, attest: `${shown.attest}00` }]), 'MalformedQuote')

    // The keys of one under the operator of another: what a thief of either has to show.
    const stolen = { ...first, key: stranger.key }
    await refuses(
      register(await registrationOf(chain.deployment, { ...stolen, ak: stranger.ak }), stranger.key),
      'AkNotHeld',
    )
    await refuses(
      register(await registrationOf(chain.deployment, { ...stolen, sign: second.sign }), stranger.key),
      'VoteKeyNotHeld',
    )
    const { akR: r, akS: s } = shown
    await refuses(register([said, { ...shown, akR: s, akS: r }]), 'AkNotHeld')
    await refuses(register([said, { ...shown, voteR: r, voteS: s }]), 'VoteKeyNotHeld')
    await register([ofStranger, shownByStranger], stranger.key)
    await register(quoted(digest))
  })

  it('computes the digest of a registration as the client does', async () => {
    const {
      committee,
      deployment: { nodeRegistry: registry, chainId },
    } = chain
    const [said, shown] = await registrationOf(chain.deployment, { ...first, key: committee })
    const operator = accountOf(committee)
    const fixed = { ekDigest: sha256Hex('ek'), contact: '{"http":"http://127.0.0.1:1"}' }
    const voteKey: Hex = `0x04${GENERATOR.x}${GENERATOR.y}`
    const digest = sha256Hex(encodeRegistration({ chainId, registry, operator, voteKey, ...fixed }))
    expect([registry, operator, digest]).toEqual([
      '0xdcdede85052ae9ee40a02cee5a30565506f682b0',
      '0x839b4eaac8efc0de072e7d95649db74e34cdcaf9',
      '0x5982b803be6999e694de2e444cb32d7d9809c2f2cc9d38cea553f47e6c0ccd95',
    ])
    const other = { ...said, ...fixed, voteKeyX: `0x${GENERATOR.x}`, voteKeyY: `0x${GENERATOR.y}` } as const
    await refuses(chain.write(committee, 'nodeRegistry', 'register', [other, shown]), 'NotForRegistration', [digest])
  })

  it('gives an EK to the first that a quorum makes Active with it, whoever registered it before', async () => {
    const squatter = { ...stranger, ekDigest: first.ekDigest }
    for (const node of [second, squatter, first]) await chain.register(node)
    await chain.place(first, 'active')
    const { logs } = await chain.judge('setStanding', [squatter.id, ACTIVE, false, 1, 0])
    expect(logs).toMatchObject([{ data: first.id }])
    expect([await statusOf(first), await statusOf(squatter)]).toEqual([ACTIVE, PENDING])
    const round = await readRound()
    const affirmed = (node: TestNode) => nextStatus(round, node.id, { epoch: 1, outcome: 'affirm', boot: 1 })
    expect([squatter, second].map(affirmed)).toEqual([undefined, 'active'])
    // Whoever reports it all the same changes nothing but what else it reports.
    const changes = await Promise.all(
      [second, squatter].toSorted(byId).map((node) => {
        const voters = [first, second].filter((voter) => voter !== node)
        return chain.change({ node: node.id, outcome: 'affirm', epoch: 1 }, voters)
      }),
    )
    await chain.write(first.key, 'attestation', 'report', [1, changes])
    expect([await statusOf(second), await statusOf(squatter)]).toEqual([ACTIVE, PENDING])
    // Neither out nor retired does it let go of it.
    await retire(first)
    await chain.place(squatter, 'active')
    expect(await statusOf(squatter)).toBe(PENDING)
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
    // No network is deployed where P256VERIFY is missing.
    expect(unprovoked('nodeRegistry')).toEqual([...ofBonds, 'MissingPrecompile'].toSorted())
  })
})
