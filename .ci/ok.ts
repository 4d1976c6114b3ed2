// `npm run ok`: the one gate. Runs every check even when one fails, then says which did.
// `--without-tests` leaves out those that .ci/run runs by themselves.
import { spawnSync } from 'node:child_process'

interface Check {
  name: string
  command: string[]
  isTest?: boolean
}

const CHECKS: Check[] = [
  { name: 'format, lint, arrows, cycles', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'types', command: ['tsc', '-b'] },
  { name: 'generated files', command: ['node', 'ledger/scripts/generate.ts', '--check'] },
  { name: 'dead code', command: ['knip', '--no-config-hints'] },
  { name: 'tests', command: ['vitest', 'run'], isTest: true },
  { name: 'tests in Chromium', command: ['vitest', 'run', '--config', 'trust/vitest.browser.config.ts'], isTest: true },
]

const withTests = !process.argv.includes('--without-tests')
const results = CHECKS.filter(({ isTest }) => withTests || !isTest).map(
  ({ name, command: [program = '', ...args] }) => {
    console.log(`\n── ${name}: ${program} ${args.join(' ')}`)
    const began = performance.now()
    const { status, error } = spawnSync(program, args, { stdio: 'inherit' })
    if (error) console.log(error.message)
    return { name, held: status === 0, seconds: ((performance.now() - began) / 1000).toFixed(1) }
  },
)

console.log()
for (const { name, held, seconds } of results) console.log(`${held ? '✔' : '✘'} ${name} (${seconds} s)`)
process.exit(results.every(({ held }) => held) ? 0 : 1)
