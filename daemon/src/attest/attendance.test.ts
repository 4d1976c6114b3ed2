import { expect, test } from 'vitest'
import { type Attendance, openAttendance } from './attendance.ts'
import { factsWith, freshFolder, id, node, roundOf } from './round.fixture.ts'

const file = freshFolder()
const open = () => openAttendance(file('attendance.json'))

/** A letter an epoch: `I`nactive, `A`ctive, or Active and the epoch before marked `s`ilent. @returns how often it had to wait, and was found to miss too much */
async function live(attendance: Attendance, standings: string, from = 1): Promise<[waits: number, missed: number]> {
  let [waits, missed, lastEpoch] = [0, 0, 0]
  for (const [i, letter] of [...standings].entries()) {
    const facts = factsWith(node(1, letter === 'I' ? 'inactive' : 'active'))
    const ledger = roundOf({ ...facts, epoch: { ...facts.epoch, number: from + i } })
    const before = ledger.standings.get(id(1))!
    if (letter === 's') lastEpoch = from + i - 1
    const standings = new Map([[id(1), { ...before, lastEpoch, silent: lastEpoch > 0 }]])
    await attendance.begin({ ...ledger, standings })
    if (attendance.awaits(id(1))) waits++
    if (attendance.missed(id(1))) missed++
  }
  return [waits, missed]
}

test.each([
  ['IIII', 0, 0, 'whoever was put out once may come back at once'],
  ['IAAAAAIIII', 1, 0, 'the second time it waits for an epoch'],
  ['IAAAAAIIAAAAAIIIIIII', 1 + 3, 0, 'and each time twice as long, and one'],
  [`I${'A'.repeat(16)}IIII`, 0, 0, 'sixteen epochs in service, and what was is forgotten'],
  ['AAAA', 0, 0, 'nobody else ever waits'],
  ['AsAsAsAAAAAAAA', 0, 0, 'to be silent in three of eight epochs is borne'],
  ['AsAsAsAsAAA', 0, 2, 'not to be in every other one'],
  ['AsAsAsAsIAAAA', 0, 1, 'who was put out for it begins anew'],
  [`${'AsAsAsAsI'.repeat(2)}II`, 1, 2, 'and waits where it goes on like that'],
  ['AsAAAsAAAsAAAsAAAsAAA', 0, 0, 'what was eight epochs ago does not count'],
])('%s: waits %i epochs, misses too much in %i; %s', async (standings, waits, missed) => {
  expect(await live(await open(), standings)).toEqual([waits, missed])
})

test('nobody waits for ever, and a restart forgets nothing', async () => {
  await live(await open(), 'IA'.repeat(20))
  expect(await live(await open(), 'I'.repeat(100), 41)).toEqual([63, 0])
  await live(await open(), 'AsAsAsAs', 141)
  expect(await live(await open(), 'AA', 149)).toEqual([0, 1])
})
