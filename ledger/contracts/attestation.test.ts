import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Hex, Outcome } from '@teapot-network/trust'
import { NODE_STATUSES, voteDigest } from '@teapot-network/trust/vote'
import { beforeAll, describe, expect, it } from 'vitest'
import { anvilBinary } from '../src/anvil.ts'
import { votesNeeded } from '../src/assignment.ts'
import { deployContracts } from '../src/deploy.ts'
import { type Change, changeOf as changeOfVotes, entitled, nextStatus } from '../src/round.ts'
import { byId, createNodes, refusalOf, useChain } from '../testing/chain.fixture.ts'
import { createNode, keyOf, MIN_EPOCH_SECONDS, sha256Hex, type TestNode, ZERO } from '../testing/chain.ts'

const genesis = await createNodes('a', 'b', 'c', 'd')
const [a, b, c, d] = genesis
const e = await createNode('newcomer')
const { chain, refuses, provoked, unprovoked, statusOf, standingOf, epochNow, readRound } = useChain({ genesis })
beforeAll(async () => {
  for (const node of [...genesis, e]) await chain.register(node)
})

const report = (epoch: number, changes: Change[], key: Hex = keyOf('anyone')) =>
  chain.write(key, 'attestation', 'report', [epoch, changes])
const close = (epoch: number, changes: Change[] = [], key: Hex = c.key) =>
  chain.write(key, 'attestation', 'closeEpoch', [epoch, sha256Hex(`root ${epoch}`), ZERO, changes])

/** A change that all genesis nodes but the subject vote for. */
async function changeOf(
  node: TestNode,
  outcome: Outcome,
  epoch: number,
  boot = 1,
  voters: readonly TestNode[] = genesis,
) {
  const others = voters.filter((voter) => voter !== node)
  const vote = { node: node.id, outcome, epoch, boot, run: sha256Hex('run'), evidence: sha256Hex('ev') }
  return others.length > 0 ? chain.change(vote, others) : { ...(await chain.change(vote, [node])), votes: [] }
}

/** Lets a quorum speak and the epoch end. */
async function round(outcomes: [TestNode, Outcome, number?][]) {
  const epoch = await epochNow()
  await chain.elapse(MIN_EPOCH_SECONDS)
  const changes = await Promise.all(outcomes.map(([node, outcome, boot]) => changeOf(node, outcome, epoch, boot)))
  return close(
    epoch,
    changes.sort((x, y) => (x.node < y.node ? -1 : 1)),
  )
}

describe('the attestation clock', () => {
  it('opens epoch 1 with a seed, and another one with each close', async () => {
    const { epoch, seed, minEpochSeconds } = await chain.read('attestation', 'current', [])
    expect([epoch, minEpochSeconds]).toEqual([1, MIN_EPOCH_SECONDS])
    await round([])
    const { epoch: next, seed: nextSeed, openedAt } = await chain.read('attestation', 'current', [])
    const head = (await chain.rpc('eth_getBlockByNumber', 'latest', false)) as { timestamp: Hex }
    expect([next, openedAt]).toEqual([2, BigInt(head.timestamp)])
    expect(nextSeed).not.toBe(seed)
    expect(await chain.read('attestation', 'rootOf', [1])).toBe(sha256Hex('root 1'))
  })

  it('is closed in its time alone, under its own number, by operators of entitled nodes', async () => {
    const { openedAt } = await chain.read('attestation', 'current', [])
    await refuses(close(1), 'EpochTooYoung', [openedAt + BigInt(MIN_EPOCH_SECONDS)])
    await chain.elapse(MIN_EPOCH_SECONDS)
    for (const epoch of [0, 2]) await refuses(close(epoch), 'WrongEpoch', [1, epoch])
    await refuses(close(1, [], e.key), 'ReporterNotEntitled', [expect.stringMatching(new RegExp(e.operator, 'i'))])
    await refuses(close(1, [], keyOf('anyone')), 'ReporterNotEntitled')
  })

  it('is not deployed with epochs of no length, nor on a chain without P256VERIFY', async () => {
    const options = { committeeKey: chain.committee, genesis: [a.operator], minEpochSeconds: 1 }
    await refuses(deployContracts({ ...options, rpcUrl: chain.anvil.url, minEpochSeconds: 0 }), 'InvalidParameters')
    await refuses(deployContracts({ ...options, rpcUrl: chain.anvil.url, committee: 0 }), 'InvalidParameters')
    const old = spawn(anvilBinary(), ['--port', '0', '--hardfork', 'prague'], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const { promise, resolve } = Promise.withResolvers<string>()
      let output = ''
      // Read on to its end: what prints into a closed pipe may die of it.
      old.stdout.on('data', (chunk: Buffer) => {
        output += chunk
        const address = /Listening on (\S+)\s/.exec(output)?.[1]
        if (address) resolve(`http://${address}`)
      })
      const rpcUrl = await promise
      const committeeKey = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
      await refuses(deployContracts({ ...options, rpcUrl, committeeKey }), 'NoP256Precompile')
    } finally {
      const exited = once(old, 'exit')
      if (old.kill('SIGKILL')) await exited
    }
  })
})

describe('votes', () => {
  it('are over the digest that trust computes', async () => {
    const { chainId, attestation } = chain.deployment
    const [run, evidence, quote] = [sha256Hex('run'), sha256Hex('evidence'), sha256Hex('quote')]
    const seen = { run, boot: 9, evidence, quote }
    const vote = { chainId, attestation, epoch: 7, node: a.id, outcome: 'mismatch', ...seen } as const
    const onChain = await chain.read('attestation', 'voteDigest', [7, a.id, 2, run, 9, evidence, quote])
    expect(onChain).toBe(voteDigest(vote))
  })

  it('make a quorum at two thirds of the entitled others, and not below', async () => {
    const one = await changeOf(e, 'affirm', 1, 1, [a, b])
    await refuses(report(1, [one]), 'QuorumMissed', [e.id, 2n, 4n])
    await report(1, [await changeOf(e, 'affirm', 1, 1, [a, b, c])])
    expect(await statusOf(e)).toBe('active')
    // The subject does not count among the others: B and C are two thirds of B, C and D, but E is Active now as well.
    await refuses(report(1, [await changeOf(a, 'affirm', 1, 1, [b, c])]), 'QuorumMissed', [a.id, 2n, 4n])
    await report(1, [await changeOf(a, 'affirm', 1, 1, [b, c, d])])
    await refuses(report(1, [await changeOf(d, 'affirm', 1, 1, [])]), 'QuorumMissed', [d.id, 0n, 4n])
  })

  it('need as many as votesNeeded says, for any number of voters', async () => {
    for (let voters = genesis.length; voters >= 1; voters--) {
      const round = await readRound()
      const { facts } = round
      const needed = votesNeeded(round, e.id)
      const able = genesis.filter((node) => entitled(facts).some(({ id }) => id === node.id))
      expect(able.length).toBe(voters)
      const short = await changeOf(e, 'affirm', 1, 1, able.slice(0, needed - 1))
      await refuses(report(1, [short]), 'QuorumMissed', [e.id, BigInt(needed - 1), BigInt(voters)])
      await report(1, [await changeOf(e, 'affirm', 1, 1, able.slice(0, needed))])
      await chain.place(e, 'pending')
      await chain.place(able[0]!, 'inactive')
    }
  })

  it('stand in ascending order, each voter once', async () => {
    const change = await changeOf(e, 'affirm', 1)
    const [first, second, ...rest] = change.votes
    await refuses(report(1, [{ ...change, votes: [second!, first!, ...rest] }]), 'VotesUnordered', [e.id, a.id])
    await refuses(report(1, [{ ...change, votes: [first!, first!, first!] }]), 'VotesUnordered', [e.id, a.id])
  })

  it('are not cast by nodes that are not entitled, nor by the subject', async () => {
    const voters = [...genesis, e].sort(byId)
    await refuses(report(1, [await changeOf(a, 'affirm', 1, 1, voters)]), 'VoterNotEntitled', [a.id, e.id])
    const nobody = await createNode('nobody')
    await refuses(report(1, [await changeOf(a, 'affirm', 1, 1, [nobody])]), 'VoterNotEntitled', [a.id, nobody.id])
    const ofItself = await chain.change({ node: a.id, outcome: 'affirm', epoch: 1 }, genesis)
    await refuses(report(1, [ofItself]), 'SubjectVotes', [a.id])
  })

  it('carry the signature of exactly this vote by exactly this voter', async () => {
    const change = await changeOf(e, 'affirm', 1)
    const spoilt = [{ run: sha256Hex('other') }, { boot: 2 }, { evidence: sha256Hex('x') }, { quote: sha256Hex('x') }]
    for (const part of [{ outcome: 2 }, ...spoilt.map((part) => ({ seen: [{ ...change.seen[0]!, ...part }] }))]) {
      await refuses(report(1, [{ ...change, ...part }]), 'WrongSignature', [e.id, a.id])
    }
    await refuses(report(1, [{ ...change, node: d.id }]), 'WrongSignature', [d.id, a.id])
    await refuses(report(1, [await changeOf(e, 'affirm', 2)]), 'WrongSignature', [e.id, a.id])
    const swapped = change.votes.map((vote, i) => ({ ...vote, voter: genesis[(i + 1) % 4]!.id }))
    const sorted = swapped.sort((x, y) => (x.voter < y.voter ? -1 : 1))
    await refuses(report(1, [{ ...change, votes: sorted }]), 'WrongSignature', [e.id, a.id])
  })

  it('add up on a mismatch whatever evidence they name, and on nothing else', async () => {
    const about = { node: e.id, epoch: 1, run: sha256Hex('run') }
    const split = async (outcome: Outcome, boots: number[]) => {
      const say = (voter: TestNode, i: number) =>
        chain.signed({ ...about, outcome, boot: boots[i]!, evidence: sha256Hex(`${boots[i]}`) }, voter)
      return changeOfVotes(await Promise.all([d, a, b, c].slice(0, boots.length).map(say)))
    }
    const change = await split('mismatch', [8, 9, 9, 8])
    expect(change.seen.map(({ boot }) => boot)).toEqual([8, 9])
    expect(change.seenBy).toEqual([1, 1, 0, 0])
    const { seen, votes } = change
    const wrong: Partial<Change>[] = [
      { seen: [] },
      { seenBy: [] },
      { seenBy: [1, 1, 0] },
      { seenBy: [1, 1, 0, 2] },
      { seen: [...seen, seen[0]!] },
      { outcome: 1 },
    ]
    for (const part of wrong) await refuses(report(1, [{ ...change, ...part }]), 'WrongSeen', [e.id])
    await refuses(report(1, [{ ...change, seen: [seen[0]!], seenBy: [] }]), 'WrongSignature', [e.id, a.id])
    await refuses(report(1, [{ ...change, seenBy: [0, 1, 0, 0] }]), 'WrongSignature', [e.id, a.id])
    const twice = { votes: [votes[0]!, ...votes], seenBy: [1, 1, 1, 0, 0] }
    await refuses(report(1, [{ ...change, ...twice }]), 'VotesUnordered', [e.id, a.id])
    await refuses(report(1, [await split('affirm', [8, 9, 9, 8])]), 'WrongSeen', [e.id])
    await report(1, [await split('mismatch', [8, 9, 7])])
    expect(await standingOf(e)).toMatchObject({ status: 4, boot: 8 })
  })

  it('carry signatures with low s, which nobody can turn into a second one', async () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const change = await changeOf(e, 'affirm', 1)
    const [first, ...rest] = change.votes
    const high: Hex = `0x${(order - BigInt(first!.s)).toString(16).padStart(64, '0')}`
    await refuses(report(1, [{ ...change, votes: [{ ...first!, s: high }, ...rest] }]), 'WrongSignature')
    for (const s of [ZERO, `0x${'f'.repeat(64)}`] as Hex[]) {
      await refuses(report(1, [{ ...change, votes: [{ ...first!, s }, ...rest] }]), 'WrongSignature')
    }
  })
})

describe('changes', () => {
  it('take a node through quarantine and back, but only in another boot', async () => {
    await round(genesis.map((node) => [node, 'affirm']))
    expect(await statusOf(a)).toBe('active')
    await round([[a, 'mismatch', 5]])
    expect(await statusOf(a)).toBe('suspect')
    await round([[a, 'mismatch', 5]])
    expect(await standingOf(a)).toMatchObject({ status: 5, boot: 5 })
    await chain.elapse(MIN_EPOCH_SECONDS)
    const epoch = await epochNow()
    const refused = await changeOf(a, 'affirm', epoch, 5)
    await refuses(close(epoch, [refused], b.key), 'SameBoot', [a.id, 5])
    await close(epoch, [await changeOf(a, 'affirm', epoch, 6)], b.key)
    expect(await statusOf(a)).toBe('active')
  })

  it('make a node Inactive only after silence in two epochs running', async () => {
    await chain.place(d, 'active')
    await round([[d, 'silence']])
    expect(await statusOf(d)).toBe('active')
    await round([])
    await round([[d, 'silence']])
    expect(await statusOf(d)).toBe('active')
    await round([[d, 'silence']])
    expect(await statusOf(d)).toBe('inactive')
  })

  it('follow one table, which nextStatus mirrors', async () => {
    await round([])
    await round([])
    const standings = [{}, { silent: true, lastEpoch: 1 }, { silent: true, lastEpoch: 2 }, { lastEpoch: 3 }]
    const legal: string[] = []
    for (const status of NODE_STATUSES) {
      for (const standing of status === 'active' ? standings : [{}]) {
        await chain.place(e, status, { boot: 1, ...standing })
        const facts = await readRound()
        for (const outcome of ['affirm', 'mismatch', 'silence'] as const) {
          for (const boot of outcome === 'affirm' ? [1, 2] : [1]) {
            const before = await chain.rpc('evm_snapshot')
            const expected = nextStatus(facts, e.id, { epoch: 3, outcome, boot })
            const call = report(3, [await changeOf(e, outcome, 3, boot)])
            if (expected) {
              await call
              expect(await statusOf(e)).toBe(expected)
              legal.push(`${status} ${outcome} ${expected}`)
            } else {
              const { errorName } = await refusalOf(call)
              expect(['IllegalTransition', 'SameBoot', 'AlreadyDecided']).toContain(errorName)
              provoked.add(errorName)
            }
            await chain.rpc('evm_revert', before)
          }
        }
      }
    }
    expect([...new Set(legal)]).toEqual([
      'pending affirm active',
      'pending mismatch suspect',
      'active mismatch suspect',
      'active silence active',
      'active silence inactive',
      'inactive affirm active',
      'inactive mismatch suspect',
      'suspect affirm active',
      'suspect mismatch quarantined',
      'suspect silence quarantined',
      'quarantined affirm active',
      'upgrading affirm active',
      'upgrading mismatch suspect',
    ])
  })

  it('keep the boot of the mismatch when silence quarantines', async () => {
    await round([[d, 'mismatch', 8]])
    await round([[d, 'silence', 0]])
    expect(await standingOf(d)).toMatchObject({ status: 5, boot: 8 })
  })

  it('have an outcome, stand in ascending order, each node once, and concern nodes that are registered', async () => {
    const [first, second] = [await changeOf(a, 'affirm', 1), await changeOf(b, 'affirm', 1)]
    await refuses(report(1, [{ ...first, outcome: 0 }]), 'IllegalTransition', [a.id, 1, 0])
    await refuses(report(1, [second, first]), 'ChangesUnordered', [a.id])
    await refuses(report(1, [first, first]), 'ChangesUnordered', [a.id])
    const nobody = await createNode('nobody')
    await refuses(report(1, [await changeOf(nobody, 'affirm', 1)]), 'UnknownNode', [nobody.id])
  })

  it('are applied all or not at all', async () => {
    await chain.elapse(MIN_EPOCH_SECONDS)
    const [good, bad] = [await changeOf(a, 'affirm', 1), await changeOf(b, 'affirm', 1, 1, [a])]
    await refuses(close(1, [good, bad]), 'QuorumMissed')
    expect(await statusOf(a)).toBe('pending')
    expect(await epochNow()).toBe(1)
  })

  it('count the votes of those who could vote before any of them', async () => {
    await round([
      [a, 'mismatch'],
      [b, 'affirm'],
    ])
    expect([await statusOf(a), await statusOf(b)]).toEqual(['suspect', 'active'])
  })

  it('can be reported after another closed the epoch without them, for one epoch', async () => {
    const change = await changeOf(e, 'mismatch', 1)
    await round([])
    const before = await chain.rpc('evm_snapshot')
    await report(1, [change])
    expect(await statusOf(e)).toBe('suspect')
    await refuses(report(1, [change]), 'AlreadyDecided', [e.id, 1])
    await chain.rpc('evm_revert', before)
    await round([])
    await refuses(report(1, [change]), 'WrongEpoch', [3, 1])
    await refuses(report(4, [change]), 'WrongEpoch', [3, 4])
  })

  it('of an epoch that closes are refused all where a late report was faster', async () => {
    const late = await changeOf(e, 'affirm', 1)
    await round([])
    const closing = [await changeOf(e, 'affirm', 2)]
    await report(1, [late])
    await chain.elapse(MIN_EPOCH_SECONDS)
    await refuses(close(2, closing), 'IllegalTransition', [e.id, 2, 1])
    await close(2)
  })

  it('let one epoch demote a third of the voters, one at least, and hold the rest back', async () => {
    await chain.place(e, 'active')
    for (const node of genesis) await chain.place(node, 'active')
    const five = [...genesis, e].sort(byId)
    const [first, second, third] = five as [TestNode, TestNode, TestNode]
    const mass = async (epoch: number) =>
      Promise.all([first, second, third].map((node) => changeOf(node, 'mismatch', epoch, 1, five)))
    await report(1, await mass(1))
    expect(await Promise.all([first, second, third].map(statusOf))).toEqual(['suspect', 'active', 'active'])
    // The rest of the epoch, too, and the next one begins anew.
    await report(1, [await changeOf(second, 'mismatch', 1, 1, five.slice(1))])
    expect(await statusOf(second)).toBe('active')
    await chain.elapse(MIN_EPOCH_SECONDS)
    await close(1, [], second.key)
    await report(2, [await changeOf(second, 'mismatch', 2, 1, five.slice(1))])
    expect(await statusOf(second)).toBe('suspect')
  })

  it('go on counting the silence of a node that the breaker holds', async () => {
    for (const node of genesis) await chain.place(node, 'active', { silent: true, lastEpoch: 0 })
    await report(1, await Promise.all([changeOf(a, 'silence', 1), changeOf(b, 'silence', 1)]))
    expect([await statusOf(a), await statusOf(b)]).toEqual(['inactive', 'active'])
    await chain.elapse(MIN_EPOCH_SECONDS)
    await close(1, [], c.key)
    await report(2, [await changeOf(b, 'silence', 2, 1, [c, d])])
    expect(await statusOf(b)).toBe('inactive')
  })

  it('never leave the network without a voter', async () => {
    await chain.place(a, 'active')
    await chain.place(b, 'active')
    await chain.place(c, 'retired')
    await chain.place(d, 'retired')
    await report(1, await Promise.all([changeOf(a, 'mismatch', 1, 1, [b]), changeOf(b, 'mismatch', 1, 1, [a])]))
    expect([await statusOf(a), await statusOf(b)]).toEqual(['suspect', 'active'])
    await refuses(report(1, [await changeOf(b, 'mismatch', 1, 1, [])]), 'QuorumMissed', [b.id, 0n, 0n])
  })

  it('have no custom error that no test provokes', () => {
    // OpenZeppelin's, should the precompile vanish after deployment.
    const elsewhere = ['MissingPrecompile', 'NotContributor', 'NothingToReveal', 'VoterNotAssigned', 'WrongSecret']
    expect(unprovoked('attestation')).toEqual(elsewhere)
  })
})
