import { decodeCbor, encodeCbor, evidenceDigest, type Policy, parseEvidence, parsePolicy } from '@teapot-network/trust'
import { encodeEvidence } from '@teapot-network/trust/encode'
import { beforeEach, expect, test } from 'vitest'
import type { CheckpointBook } from './checkpoint-book.ts'
import { createEvidenceSource, type EvidenceSource } from './evidence-source.ts'
import { createLogMemory, parseEvidenceRequest } from './log-suffix.ts'
import { createPeerVerifier, type PeerVerifier } from './peer-verifier.ts'
import { id, SWTPM } from './round.fixture.ts'

const { evidence: shown, facts } = SWTPM
const evidence = parseEvidence(shown)
const [subject] = facts.nodes
const signal = new AbortController().signal
const whole = evidence.log.length

let source: EvidenceSource
let verifier: PeerVerifier
let policy: Policy | undefined
/** What was asked, and how long the answers were. */
let asked: unknown[]
let sizes: number[]
/** What the node does to its answer, given what it was asked. */
let alter: (answer: Uint8Array, request: Uint8Array) => Uint8Array

/** Whether a log continues what was seen of it. */
let extend: CheckpointBook['extend']

beforeEach(async () => {
  ;[asked, sizes, alter, extend] = [[], [], (answer) => answer, async () => {}]
  policy = parsePolicy(SWTPM.policy)
  const { type, node, operator, ak, ek, keys, quote, pcrs, log, checkpoint } = evidence
  source = createEvidenceSource({
    ...{ type, node, operator, ak, ek, keys, quoter: { quote: async () => ({ ...quote, pcrs }) } },
    ...{ readLog: async () => log, checkpoint: async () => checkpoint },
  })
  await source.renew(facts)
  const request = async (_: string, __: string, body: Uint8Array) => {
    const answer = alter(source.answer(body), body)
    asked.push(decodeCbor(body))
    sizes.push(answer.length)
    return { body: answer, peerKey: keys.peer }
  }
  const ledger = { readBlock: async () => undefined, readFacts: async () => facts }
  verifier = createPeerVerifier({
    references: () => undefined,
    ...{ lattice: { request }, ledger: ledger as never, policy: () => policy },
    enrolment: { require: async () => {} },
    checkpoints: { witnessed: () => undefined, learn: async () => {}, extend: (...args) => extend(...args) },
  })
})

const appraise = () => verifier.appraise(subject!, facts, signal)

test('of a log that was affirmed only the rest is asked for, and what is voted on is the whole', async () => {
  const first = await appraise()
  const second = await appraise()
  expect(asked).toEqual([[7], [7, first.verdict.boot, whole]])
  expect(sizes[0]! - sizes[1]!).toBeGreaterThan(whole - 20)
  expect(second).toEqual(first)
  expect([second.verdict.outcome, evidenceDigest(second.bytes)]).toEqual(['affirm', evidenceDigest(shown)])
})

test('of many logs those are remembered that came last, within a bound', () => {
  const memory = createLogMemory(100)
  const log = (bytes: number) => ({ boot: 1, log: { bytes: new Uint8Array(bytes) } as never })
  for (const [node, bytes] of [
    [1, 40],
    [2, 40],
    [1, 50],
    [3, 40],
    [4, 101],
  ] as const)
    memory.keep(id(node), log(bytes))
  expect([1, 2, 3, 4].map((node) => memory.of(id(node)) !== undefined)).toEqual([false, false, false, false])
  for (const [node, bytes] of [
    [1, 40],
    [2, 40],
    [1, 50],
    [3, 40],
  ] as const)
    memory.keep(id(node), log(bytes))
  expect([1, 2, 3].map((node) => memory.of(id(node)) !== undefined)).toEqual([true, false, true])
})

test('what speaks against a node is found again in evidence that came whole', async () => {
  await appraise()
  const forged = { ...evidence, log: new Uint8Array(3) }
  alter = (answer, request) =>
    parseEvidenceRequest(request).held ? encodeCbor([whole, encodeEvidence(forged)]) : answer
  expect((await appraise()).verdict.outcome).toBe('affirm')
  expect(asked.slice(1)).toEqual([[7, expect.any(Number), whole], [7]])
})

test('an answer that does not fit what is remembered is refused, and the whole is asked for the next time', async () => {
  await appraise()
  for (const answer of [encodeCbor([whole - 1, shown]), encodeCbor([0]), shown]) {
    alter = () => answer
    await expect(appraise()).rejects.toMatchObject({ code: 'attest/bad-answer' })
    alter = (good) => good
    await appraise()
    expect(asked.at(-1)).toEqual([7])
  }
})

test('to who holds another boot, or more than there is, the whole is shown', () => {
  for (const held of [
    [1, whole],
    [evidence.epoch, whole + 1],
  ]) {
    expect(decodeCbor(source.answer(encodeCbor([7, ...held])))).toEqual([0, shown])
  }
  for (const bad of [[], [7, 1], [7, 1, -1], ['7'], 7]) {
    expect(() => source.answer(encodeCbor(bad))).toThrow(expect.objectContaining({ code: 'attest/bad-request' }))
  }
})

test('evidence whose log goes back behind what was seen is not affirmed, whatever else holds', async () => {
  extend = async (node, checkpoint, digest) => {
    expect([node, checkpoint, digest]).toEqual([subject!.id, evidence.checkpoint, evidenceDigest(shown)])
    throw new Error('another log')
  }
  await expect(appraise()).rejects.toThrow('another log')
})

test('what somebody else serves is told from what the node showed in this epoch', async () => {
  const read = (bytes: Uint8Array, at = facts) => verifier.read(bytes, subject!.id, at, signal)
  expect(await read(shown)).toEqual({ ...(await appraise()), verdict: expect.anything() })
  const later = { ...facts, epoch: { ...facts.epoch, number: facts.epoch.number + 1 } }
  const foreign = encodeEvidence({ ...evidence, operator: facts.registry })
  expect([await read(shown, later), await read(foreign)].map((one) => one.genuine)).toEqual([false, false])
  const unreadable = encodeEvidence({ ...evidence, log: new Uint8Array(3) })
  expect(await read(unreadable)).toMatchObject({ genuine: true, verdict: { outcome: 'silence' } })
})

test('without a policy nobody is appraised, and evidence of an epoch that brought none is not there yet', async () => {
  policy = undefined
  await expect(appraise()).rejects.toMatchObject({ code: 'attest/no-policy', kind: 'unavailable' })
  const none = { code: 'attest/no-evidence', kind: 'unavailable', message: expect.stringContaining('epoch 3') }
  expect(() => source.ofEpoch(3)).toThrow(expect.objectContaining(none))
})

test('of an epoch that was opened again the evidence with its new seed is shown', async () => {
  const again = { ...facts, epoch: { ...facts.epoch, seed: id(6) } }
  const { digest } = await source.renew(again)
  await source.renew(again)
  expect([source.ofEpoch(facts.epoch.number).digest, digest !== evidenceDigest(shown)]).toEqual([digest, true])
})
