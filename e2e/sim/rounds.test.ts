import { expect, test } from 'vitest'
import { simulate } from './simulation.ts'

/** Seeds and casts that show in few epochs what the others show in many. */
const NOTABLE = [
  { what: 'whoever affirms a machine that cheats is out with it', seed: 1, epochs: 4, cheats: ['affirms', 'loads'] },
  { what: 'what a hasty reporter leaves out is brought by others', seed: 2, epochs: 5, cheats: ['closes', 'says nothing'] },
]

test.each(NOTABLE)('$what (seed $seed)', { timeout: 120_000 }, async ({ seed, epochs, cheats }) => {
  const outcome = await simulate({ seed, nodes: 7, epochs, liars: 2, committee: 6, cheats })
  expect(outcome.problems).toEqual([])
  expect(outcome.fates.every(({ since, out }) => since && (out || cheats.includes('closes')))).toBe(true)
})
