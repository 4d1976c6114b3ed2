import { defineConfig } from 'vitest/config'

/** What runs a whole network, or measures memory over time: each wants the machine for itself, after everything else. */
const alone = ['e2e/story.test.ts', 'e2e/endurance.test.ts', 'e2e/sim/**/*.test.ts']
const rooms = ['trust', 'ledger', 'content', 'host', 'daemon', 'sdk', 'cli', 'devnet', 'actors', 'bench', '.ci', 'e2e']

export default defineConfig({
  test: {
    // Most tests wait for processes that they started.
    maxWorkers: 3,
    projects: [...rooms, 'alone'].map((room) => ({
      test: {
        name: room,
        include: room === 'alone' ? alone : [`${room}/**/*.test.ts`],
        exclude: ['**/node_modules/**', '**/dist/**', '**/*.browser.test.ts', ...(room === 'e2e' ? alone : [])],
        testTimeout: 60_000,
        hookTimeout: 120_000,
        expect: { poll: { timeout: 30_000 } },
        sequence: { groupOrder: room === 'alone' ? 1 : 0 },
        ...(room === 'alone' && { fileParallelism: false }),
      },
    })),
  },
})
