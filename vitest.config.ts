import { defineConfig } from 'vitest/config'

const rooms = ['trust', 'ledger', 'content', 'host', 'daemon', 'sdk', 'cli', 'devnet', 'actors']

export default defineConfig({
  test: {
    projects: rooms.map((room) => ({
      test: { name: room, include: [`${room}/**/*.test.ts`], exclude: ['**/node_modules/**'], testTimeout: 30_000, hookTimeout: 60_000 },
    })),
  },
})
