import { defineConfig } from 'vitest/config'

const rooms = ['trust', 'ledger', 'content', 'host', 'daemon', 'sdk', 'cli', 'devnet', 'actors', 'bench', '.ci', 'e2e']

export default defineConfig({
  test: {
    // Most tests wait for processes that they started.
    maxWorkers: 3,
    projects: rooms.map((room) => ({
      test: {
        name: room,
        include: [`${room}/**/*.test.ts`],
        exclude: ['**/node_modules/**', '**/dist/**', '**/*.browser.test.ts'],
        testTimeout: 30_000,
        hookTimeout: 60_000,
        expect: { poll: { timeout: 10_000 } },
        // A whole network wants the machine for itself: after everything else.
        sequence: { groupOrder: room === 'e2e' ? 1 : 0 },
        ...(room === 'e2e' && { fileParallelism: false }),
      },
    })),
  },
})
