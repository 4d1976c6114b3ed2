import { expect, test } from 'vitest'
import { simulate } from './simulation.ts'

/** Seeds and casts that show in few epochs what the others show in many; in the first, all vote on all. */
const NOTABLE = [
  {
    ...{ what: 'whoever affirms a machine that cheats is out with it', seed: 1, committee: 9, epochs: 5 },
    cheats: ['affirms', 'loads', 'shows each'],
  },
  {
    ...{
      what: 'what a hasty reporter leaves out, and who withholds votes or leaves, is noticed',
      seed: 2,
      committee: 6,
      epochs: 6,
    },
    cheats: ['closes', 'withholds', 'shows evidence', 'writes'],
  },
]

test.each(NOTABLE)('$what (seed $seed)', { timeout: 600_000 }, async ({ seed, committee, epochs, cheats }) => {
  const outcome = await simulate({ seed, nodes: 7, epochs, liars: 2, committee, cheats })
  expect(outcome.problems).toEqual([])
  for (const { cheat, since, out } of outcome.fates) {
    expect(since, cheat).toBeDefined()
    if (!cheat.startsWith('closes')) expect(out, cheat).toBeDefined()
  }
})
