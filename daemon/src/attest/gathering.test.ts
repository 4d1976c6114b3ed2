import { setImmediate } from 'node:timers/promises'
import { digestOf, type Hex, type NodeId, parseEvidence, toHex } from '@teapot-network/trust'
import { shownDigest, signBallot, signVote } from '@teapot-network/trust/vote'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { encodeBallots, encodeRows, votesIn } from './ballot.ts'
import { systemClock } from './clock.ts'
import { createGatherer, type Gatherer } from './gathering.ts'
import { activeNodes, factsWith, id, roundOf, SWTPM, vote } from './round.fixture.ts'
import { createRound, type Round, type RoundParts } from './round.ts'
import type { CastVote } from './tally.ts'

const attestation = `0x${'aa'.repeat(20)}` as const
const { signal } = new AbortController()
const { evidence } = SWTPM
const shown = { evidence: digestOf(evidence), quote: shownDigest(parseEvidence(evidence)) }

let key: CryptoKey
let other: CryptoKey
let voteKey: Hex
let round: Round
let gatherer: Gatherer
/** What peers answer at their address, or else all of them; the blocks that anyone serves, and whether the node quoted them in this epoch. */
const answers = new Map<string, Promise<Uint8Array>>()
let answer: Uint8Array
let served: Uint8Array[]
let genuine: boolean
let fetched: number
const lines: object[] = []

async function newKey(): Promise<{ key: CryptoKey; voteKey: Hex }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const point = await crypto.subtle.exportKey('raw', publicKey)
  return { key: privateKey, voteKey: toHex(new Uint8Array(point)) }
}

beforeAll(async () => {
  ;({ key, voteKey } = await newKey())
  other = (await newKey()).key
})
beforeEach(() => {
  round = roundAmong(3)
  answers.clear()
  ;[served, genuine, fetched] = [[], true, 0]
  lines.length = 0
  const parts: Partial<RoundParts> = {
    ...{ self: id(1), attestation, clock: { ...systemClock, sleep: () => setImmediate() } },
    lattice: { request: async (p2p) => ({ body: await (answers.get(p2p) ?? answer), peerKey: '0x' }) },
    async fetch(digest) {
      fetched++
      const block = served.find((one) => digestOf(one) === digest)
      if (!block) throw new Error('nobody has it')
      return block
    },
    verifier: { read } as never,
    log: { warn: (message: string, fields: object) => void lines.push({ message, ...fields }) } as never,
  }
  gatherer = createGatherer(parts as RoundParts)
})

const read = async (_: Uint8Array, subject: NodeId) => ({ ...shown, node: subject, genuine })

async function signed(said: Partial<CastVote>, by = key): Promise<CastVote> {
  const { voter, signature: _, ...rest } = { ...vote(2, 3, 'affirm'), ...shown, ...said }
  const statement = { chainId: 31337, attestation, epoch: 3, ...rest }
  return { voter, ...rest, signature: await signVote(statement, by) }
}

function roundAmong(count: number): Round {
  const contact = (n: number) => JSON.stringify({ p2p: `peer-${n}` })
  return createRound(
    roundOf(factsWith(...activeNodes(count).map((node, i) => ({ ...node, contact: contact(i + 1), voteKey })))),
    id(1),
    [],
  )
}

async function ballotOf(voter: NodeId, votes: CastVote[], by = key): Promise<Uint8Array> {
  const head = { voter, rows: encodeRows(votes) }
  const signature = await signBallot({ chainId: 31337, attestation, epoch: 3, ...head }, by)
  return encodeBallots([{ ...head, signature }])
}

async function hear(votes: CastVote[], by = key): Promise<void> {
  answer = await ballotOf(id(2), votes, by)
  await gatherer.gatherSoon(round, [id(2)], signal)
}

test('a vote counts whose evidence is served and shows what it says', async () => {
  await hear([await signed({})])
  served = [evidence]
  expect(await gatherer.counted(round, signal)).toHaveLength(1)
})

test('a vote does not count whose evidence nobody serves, or shows something else; the log says why', async () => {
  await hear([await signed({})])
  expect(await gatherer.counted(round, signal)).toEqual([])
  expect(lines).toEqual([
    { message: 'votes do not count', voter: id(2), problem: expect.stringContaining('nobody has it') },
  ])
  served = [evidence]
  await hear([await signed({ node: id(1), quote: id(9) })])
  expect((await gatherer.counted(round, signal)).map((one) => one.node)).toEqual([id(3)])
})

test('a vote on evidence of another epoch or another node does not count', async () => {
  ;[served, genuine] = [[evidence], false]
  await hear([await signed({})])
  expect(await gatherer.counted(round, signal)).toEqual([])
  genuine = true
  expect(await gatherer.counted(round, signal)).toHaveLength(1)
  await hear([await signed({}), await signed({ node: id(1) })])
  expect(await gatherer.counted(round, signal)).toHaveLength(1)
})

test('a ballot, and a vote in it, that the voter did not sign is nobody’s', async () => {
  await hear([await signed({})], other)
  expect([round.votes.get(id(2)), round.ballots.size]).toEqual([undefined, 0])
  await hear([await signed({}, other), await signed({ node: id(1) })])
  expect([...round.votes.get(id(2))!.keys()]).toEqual([id(1)])
})

test('the first vote counts, and one that differs is kept against the voter', async () => {
  const [one, two] = [await signed({}), await signed({ outcome: 'mismatch' })]
  await hear([one])
  await hear([await signed({})])
  expect(round.doubles.size).toBe(0)
  await hear([two])
  expect(round.doubles.get(id(2))).toEqual([one, two])
  expect(round.votes.get(id(2))!.get(id(3))).toEqual(one)
})

test('whoever closes an epoch waits for most of the ballots, and then not long for the rest', async () => {
  round = roundAmong(4)
  const slow = Promise.withResolvers<Uint8Array>()
  answers
    .set('peer-2', ballotOf(id(2), []))
    .set('peer-3', slow.promise)
    .set('peer-4', new Promise(() => {}))
  let waits = true
  const soon = gatherer.gatherSoon(round, [id(2), id(3), id(4)], signal).then(() => {
    waits = false
  })
  await expect.poll(() => round.ballots.size).toBe(1)
  for (let turn = 0; turn < 50; turn++) await setImmediate()
  expect(waits).toBe(true)
  slow.resolve(ballotOf(id(3), [await signed({ voter: id(3), node: id(2) })]))
  await soon
  expect([...round.ballots.keys()]).toEqual([id(2), id(3)])
  // A ballot is here once its votes are.
  expect(round.votes.get(id(3))?.size).toBe(1)
})

test('a ballot with fewer votes takes nothing back', async () => {
  await hear([await signed({})])
  const { rows } = round.ballots.get(id(2))!
  await hear([])
  expect(round.ballots.get(id(2))!.rows).toEqual(rows)
})

test('of two ballots of one voter that come at once the fuller is passed on', async () => {
  const full = await signed({})
  answers.set('peer-2', ballotOf(id(2), [full])).set('peer-3', ballotOf(id(2), []))
  await gatherer.gather(round, [id(2), id(3)], signal)
  expect(votesIn(round.ballots.get(id(2))!)).toEqual([full])
})

test('votes on nodes that are not registered, and a ballot larger than votes on all nodes, are not taken in', async () => {
  const strangers = await Promise.all([4, 5, 6].map((n) => signed({ node: id(n) })))
  await hear([await signed({}), ...strangers])
  expect([...round.votes.get(id(2))!.keys()]).toEqual([id(3)])
  await hear([await signed({ node: id(1) }), ...strangers, ...strangers])
  expect([...round.votes.get(id(2))!.keys()]).toEqual([id(3)])
  expect(votesIn(round.ballots.get(id(2))!)).toHaveLength(4)
})

test('a ballot that cannot be read is not passed on', async () => {
  const head = { voter: id(2), rows: Uint8Array.of(1, 2, 3) }
  const signature = await signBallot({ chainId: 31337, attestation, epoch: 3, ...head }, key)
  answer = encodeBallots([{ ...head, signature }])
  await gatherer.gather(round, [id(2)], signal)
  expect(round.ballots.size).toBe(0)
})

test('what somebody votes who is not assigned does not count, and is not looked for', async () => {
  served = [evidence]
  const own = await signed({ voter: id(3), node: id(3) })
  const stranger = await signed({ voter: id(9) })
  expect(await gatherer.counted(round, signal, [own, stranger])).toEqual([])
  expect(fetched).toBe(0)
})

test('a ballot of who is not entitled is not taken in', async () => {
  const [one, two, three] = round.ledger.facts.nodes
  round.ledger = roundOf(factsWith(one!, { ...two!, status: 'suspect' }, three!))
  await hear([await signed({})])
  expect([round.ballots.size, round.votes.get(id(2))]).toEqual([0, undefined])
})
