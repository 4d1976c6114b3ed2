import { TeapotError } from '@teapot-network/trust'
import { beforeEach, expect, test } from 'vitest'
import { createJudge } from './judging.ts'
import { activeNodes, factsWith, id, node, roundOf, vote } from './round.fixture.ts'
import { addVote, createRound, type Round, type RoundParts } from './round.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const { privateKey: voteKey } = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
const GRACE_SECONDS = 30
const affirmed = { verdict: { outcome: 'affirm', run: id(1), boot: 1, reasons: [] }, evidence: id(2), quote: id(3) }

let past: Round
let now: Round
/** What appraising the node gives. */
let appraise: () => object
/** What speaks against it from the epoch before. */
let missed: string | undefined
/** What speaks against it from many epochs. */
let missedOften: string | undefined

beforeEach(() => {
  const ledger = roundOf(factsWith(...activeNodes(2)))
  ;[past, now] = [createRound(ledger, id(1), []), createRound(ledger, id(1), [])]
  addVote(past, vote(1, 2, 'affirm'))
  ;[appraise, missed, missedOften] = [() => affirmed, undefined, undefined]
})

/** Each pause of the judge lasts ten seconds; after ten of them the epoch is over. */
async function judge(wasThere = true): Promise<string | undefined> {
  let pauses = 0
  const parts: Partial<RoundParts> = {
    ...{ self: id(1), attestation: `0x${'aa'.repeat(20)}` as const, voteKey, graceSeconds: GRACE_SECONDS },
    lattice: {} as never,
    verifier: { appraise: async () => appraise() } as never,
    clock: {
      now: () => 0,
      async sleep() {
        const { facts } = now.ledger
        now.ledger = { ...now.ledger, facts: { ...facts, block: { ...facts.block, timestamp: 1000 + 10 * ++pauses } } }
        if (pauses === 10) now.stop.abort()
      },
    },
    book: { of: () => [], add: async () => {} },
    attendance: { missed: () => missedOften } as never,
    decide: async ({ outcome }) => outcome,
    keep: async () => {},
    log: { warn: () => {} } as never,
  }
  await createJudge(parts as RoundParts, async () => missed)(now, id(2), wasThere ? past : undefined)
  return now.votes.get(id(1))!.get(id(2))?.outcome
}

const failing = (code: string) => () => {
  throw new TeapotError(code, 'no')
}

test('evidence that holds is affirmed, silence is voted once the grace period is over', async () => {
  expect(await judge()).toBe('affirm')
  now.votes.get(id(1))!.clear()
  appraise = failing('lattice/unreachable')
  expect(await judge()).toBe('silence')
})

test('who keeps its votes to itself is voted silent, however good its evidence; whoever was away blames nobody', async () => {
  missed = 'no votes'
  expect(await judge()).toBe('silence')
  now.votes.get(id(1))!.clear()
  expect(await judge(false)).toBe('affirm')
})

test('who is silent too often is voted silent in an epoch that it is there as well', async () => {
  missedOften = 'four of eight'
  expect(await judge(false)).toBe('silence')
})

test.each(['attest/no-policy', 'attest/no-voting-rule'])('who cannot judge, %s, votes nothing', async (code) => {
  appraise = failing(code)
  expect(await judge()).toBeUndefined()
})

test('a crowd on its way in that answers nobody keeps no member waiting, and is heard in turn', async () => {
  const crowd = Array.from({ length: 40 }, (_, i) => node(100 + i, 'pending'))
  now = createRound(roundOf(factsWith(...activeNodes(2), ...crowd)), id(1), [])
  const begun: string[] = []
  const ends: (() => void)[] = []
  const parts: Partial<RoundParts> = {
    ...{ self: id(1), attestation: `0x${'aa'.repeat(20)}` as const, voteKey, graceSeconds: GRACE_SECONDS },
    clock: { now: () => 0, sleep: async () => now.stop.abort() },
    verifier: {
      async appraise(subject: { id: string }) {
        begun.push(subject.id)
        if (subject.id !== id(2)) await new Promise<void>((resolve) => ends.push(resolve))
        throw new Error('no answer')
      },
    } as never,
  }
  const judgeOne = createJudge(parts as RoundParts, async () => undefined)
  const asked = crowd.map(({ id: subject }) => judgeOne(now, subject, undefined))
  expect(begun).toHaveLength(32)
  await judgeOne(now, id(2), past)
  expect(begun.at(-1)).toBe(id(2))
  while (begun.length < 41 || ends.length > 0) {
    for (const end of ends.splice(0)) end()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(asked)
})
