import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'

/** The same tests in Chromium: `vitest run --config trust/vitest.browser.config.ts`. Tests named *.node.test.ts need Node. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export default defineConfig({
  root: import.meta.dirname,
  optimizeDeps: { include: ['cborg', '@noble/hashes/sha2.js', 'fast-check'] },
  test: {
    name: 'trust in Chromium',
    include: ['src/**/*.test.ts'],
    exclude: ['**/*.node.test.ts', '**/node_modules/**'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    browser: {
      enabled: true,
      connectTimeout: 120_000,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, timeout: 120_000 },
      }),
      instances: [{ browser: 'chromium' }],
    },
  },
})
