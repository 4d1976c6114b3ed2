import { evidenceDigest, type NodeId, parseEvidence } from '@teapot-network/trust'
import { encodeEvidence } from '@teapot-network/trust/encode'
import { beforeEach, expect, test } from 'vitest'
import { id, node, roundOf, SWTPM, vote } from './round.fixture.ts'
import { addVote, createRound, type Round, type RoundParts } from './round.ts'
import { createWitnesses } from './witnesses.ts'

const { evidence: shown, facts } = SWTPM
const [subject] = facts.nodes

let past: Round
let now: Round
/** What each witness answers, and how long it is waited for: until the test says otherwise. */
let answers: (Uint8Array | Promise<never>)[]
let patience: Promise<void>
let kept: Uint8Array[]
let learnt: unknown[]

beforeEach(() => {
  ;[answers, kept, learnt, patience] = [[], [], [], new Promise(() => {})]
  const witnesses = [1, 2, 3].map((n) => ({ ...node(n, 'active'), contact: JSON.stringify({ p2p: String(n) }) }))
  const ledger = roundOf({ ...facts, nodes: [subject!, ...witnesses] })
  ;[past, now] = [createRound(ledger, id(1), []), createRound(ledger, id(1), [])]
})

const hear = createWitnesses({
  self: id(1),
  clock: { now: () => 0, sleep: () => patience },
  lattice: {
    async request(address) {
      const body = await answers[Number(address) - 2]
      if (!body) throw new Error('does not answer')
      return { body, peerKey: '0x' }
    },
  },
  keep: async (block) => void kept.push(block),
  checkpoints: {
    newest: () => undefined,
    learn: async (...seen: [NodeId, ...unknown[]]) => void learnt.push(seen),
  } as never,
} as Partial<RoundParts> as RoundParts)

test('who votes on a node for the first time knows what others saw of its log, and that it was there', async () => {
  answers = [new Uint8Array(), shown]
  await hear(now, past, subject!)
  const { checkpoint } = parseEvidence(shown)
  expect([learnt, kept]).toEqual([[[subject!.id, checkpoint, evidenceDigest(shown)]], [shown]])
  expect([...past.there]).toEqual([subject!.id])
})

test('who affirmed the node itself asks nobody; who was away asks those who vote on it now', async () => {
  answers = [shown, shown]
  addVote(past, { ...vote(1, 1, 'affirm'), node: subject!.id })
  await hear(now, past, subject!)
  expect(learnt).toEqual([])
  await hear(now, undefined, subject!)
  expect(learnt).toHaveLength(2)
})

test('evidence of another epoch tells of the log, not that the node was there', async () => {
  answers = [shown]
  past.ledger = { ...past.ledger, facts: { ...past.ledger.facts, epoch: { ...facts.epoch, seed: id(1) } } }
  await hear(now, past, subject!)
  expect([learnt.length, past.there.size]).toEqual([1, 0])
})

test('what the AK of the node did not quote is nobody’s word', async () => {
  const evidence = parseEvidence(shown)
  const forged = encodeEvidence({ ...evidence, checkpoint: { ...evidence.checkpoint, sequence: 99 } })
  answers = [forged, new Uint8Array(9)]
  await hear(now, past, subject!)
  expect([learnt, kept, past.there.size]).toEqual([[], [], 0])
})

test('who is mute is not waited for without end', async () => {
  const over = Promise.withResolvers<void>()
  ;[answers, patience] = [[new Promise(() => {}), shown], over.promise]
  const hearing = hear(now, past, subject!)
  await expect.poll(() => learnt).toHaveLength(1)
  over.resolve()
  await hearing
})
