import { defineConfig } from 'vitest/config'

const rooms = ['trust', 'ledger', 'content', 'host', 'daemon', 'sdk', 'cli', 'devnet', 'actors', 'bench', 'e2e', '.ci']

export default defineConfig({
  test: {
    projects: rooms.map((room) => ({
      test: {
        name: room,
        include: [`${room}/**/*.test.ts`],
        exclude: ['**/node_modules/**', '**/dist/**', '**/*.browser.test.ts'],
        testTimeout: 30_000,
        hookTimeout: 60_000,
      },
    })),
  },
})
