import { readdirSync, writeFileSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import { freshFolder, id, vote } from './round.fixture.ts'
import { openVoteBook } from './vote-book.ts'

const file = freshFolder()
let path: string
const network = `0x${'aa'.repeat(20)}` as const
beforeEach(() => {
  path = file('votes.json')
})

test('a vote that may be shown is there after a restart, as it was cast', async () => {
  const book = await openVoteBook(path, network)
  await Promise.all([book.add(7, vote(1, 2, 'affirm')), book.add(7, vote(1, 3, 'silence'))])
  const again = await openVoteBook(path, network)
  expect(again.of(7)).toEqual([vote(1, 2, 'affirm'), vote(1, 3, 'silence')])
  expect(readdirSync(file('.'))).toEqual(['votes.json'])
})

test('votes are of one network; those of four epochs are kept, so that a ledger that goes back brings no second vote', async () => {
  const book = await openVoteBook(path, network)
  await book.add(7, vote(1, 2, 'affirm'))
  expect((await openVoteBook(path, id(1).slice(0, 42) as typeof network)).of(7)).toEqual([])
  for (const epoch of [8, 9, 10]) await book.add(epoch, vote(1, 3, 'affirm'))
  await book.add(7, vote(1, 4, 'affirm'))
  expect((await openVoteBook(path, network)).of(7)).toEqual([vote(1, 2, 'affirm'), vote(1, 4, 'affirm')])
  await book.add(11, vote(1, 3, 'affirm'))
  expect([7, 8, 11].map((epoch) => book.of(epoch).length)).toEqual([2, 0, 1])
})

test('a book that cannot be read is told of, not begun anew: it could hold votes', async () => {
  writeFileSync(path, '{"epoch":7,')
  await expect(openVoteBook(path, network)).rejects.toMatchObject({ code: 'attest/bad-notes', kind: 'fault' })
})
