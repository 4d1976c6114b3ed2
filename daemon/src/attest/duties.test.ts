import { beforeEach, expect, test } from 'vitest'
import { createDuties } from './duties.ts'
import { activeNodes, factsWith, id, roundOf, vote } from './round.fixture.ts'
import { addVote, createRound, noteSeen, type Round } from './round.ts'
import type { CastVote } from './tally.ts'

const { signal } = new AbortController()
const [SELF, OTHER] = [id(1), id(2)]
let past: Round
/** Votes that come when it is asked for, by whom was asked, and those that do not count. */
let shown: { by: string; votes: CastVote[] }[]
let worthless: CastVote[]
let asked: string[][]

/** The epoch before, in which 1, 3 and 4 affirmed one another and node 2, and nobody heard anything of that one. */
beforeEach(() => {
  ;[shown, worthless, asked] = [[], [], []]
  past = createRound(roundOf(factsWith(...activeNodes(4))), SELF, [])
  for (const voter of [1, 3, 4]) {
    for (const subject of [1, 2, 3, 4]) if (voter !== subject) addVote(past, vote(voter, subject, 'affirm'))
  }
  noteSeen(past, { node: OTHER, evidence: id(7) } as never)
})

const duties = createDuties({
  async gatherSoon(round, peers) {
    const wanted = [...peers]
    asked.push(wanted)
    for (const { by, votes } of shown) if (wanted.includes(by as never)) for (const one of votes) addVote(round, one)
  },
  counted: async (round, _, votes = [...round.votes.values()].flatMap((all) => [...all.values()])) =>
    votes.filter((one) => !worthless.includes(one)),
})
const missed = () => duties(past, OTHER, signal)

test('who was there and has no vote that anybody knows of did not do its part', async () => {
  expect(await missed()).toBe('expected its votes of epoch 3, found none that counts')
  expect(asked.map((peers) => peers.toSorted())).toEqual([[OTHER], [1, 2, 3, 4].map(id)])
})

test('votes of silence, and votes that do not count, are none', async () => {
  worthless = [vote(2, 3, 'affirm')]
  shown = [{ by: OTHER, votes: [vote(2, 1, 'silence'), ...worthless] }]
  expect(await missed()).toBeDefined()
})

test.each([
  ['itself', OTHER],
  ['others that heard it', id(3)],
])('a vote on evidence suffices, shown by %s', async (_, by) => {
  shown = [{ by, votes: [vote(2, 3, 'affirm')] }]
  expect(await missed()).toBeUndefined()
})

test('who was not there is not blamed for its votes besides', async () => {
  past.there.clear()
  expect(await missed()).toBeUndefined()
})

test('where no others could vote on evidence either, nobody is blamed', async () => {
  past.votes = new Map([
    [
      SELF,
      new Map([
        [OTHER, vote(1, 2, 'affirm')],
        [id(3), vote(1, 3, 'silence')],
      ]),
    ],
  ])
  expect(await missed()).toBeUndefined()
})
