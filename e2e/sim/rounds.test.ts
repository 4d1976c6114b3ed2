import { expect, test } from 'vitest'
import { simulate } from './simulation.ts'

/** Seeds and casts that show in few epochs what the others show in many; in the first, all vote on all. */
const NOTABLE = [
  { what: 'whoever affirms a machine that cheats is out with it', seed: 1, committee: 9, cheats: ['affirms', 'loads'] },
  { what: 'what a hasty reporter leaves out is brought by others', seed: 2, committee: 6, cheats: ['closes', 'says'] },
]

test.each(NOTABLE)('$what (seed $seed)', { timeout: 120_000 }, async ({ seed, committee, cheats }) => {
  const outcome = await simulate({ seed, nodes: 7, epochs: 5, liars: 2, committee, cheats })
  expect(outcome.problems).toEqual([])
  for (const { cheat, since, out } of outcome.fates) {
    expect(since, cheat).toBeDefined()
    if (!cheat.startsWith('closes')) expect(out, cheat).toBeDefined()
  }
})
