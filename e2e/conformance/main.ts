// `npm run conformance -- SUITE DIR [--json]`: runs an outside suite from a checkout of it against this host.
import { parseArgs } from 'node:util'
import type { CaseResult, Suite } from './suite.ts'

const SUITES: Record<string, { from: string; load: () => Promise<Suite> }> = {
  'wascc-host': { from: 'wasmCloud/wascc-host', load: async () => (await import('./wascc-host.ts')).run },
  'wapc-rs': { from: 'wapc/wapc-rs', load: async () => (await import('./wapc-rs.ts')).run },
  'wasi-testsuite': {
    from: 'WebAssembly/wasi-testsuite, branch prod/testsuite-base',
    load: async () => (await import('./wasi-testsuite.ts')).run,
  },
  'wasmcloud-http': { from: 'wasmCloud/wasmCloud', load: async () => (await import('./wasmcloud-http.ts')).run },
  merkle: { from: 'transparency-dev/merkle', load: async () => (await import('./merkle.ts')).run },
  'wasm-core': { from: 'WebAssembly/testsuite', load: async () => (await import('./wasm-core.ts')).run },
}

const USAGE = `npm run conformance -- SUITE DIR [--json]

DIR is a checkout of the suite, outside of this repository:
${Object.entries(SUITES)
  .map(([name, { from }]) => `  ${name.padEnd(16)} ${from}`)
  .join('\n')}

Prints passed, failed, and skipped with the reason; exits with 1 when one failed.
`

const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })
const [suite = '', directory] = positionals
if (SUITES[suite] === undefined || directory === undefined) {
  process.stderr.write(USAGE)
  process.exit(2)
}
const run = await SUITES[suite].load()
const results: CaseResult[] = []
await run(directory, (result) => {
  results.push(result)
  if (values.json) console.log(JSON.stringify(result))
  else if (result.outcome === 'passed') console.log(`✔ ${result.name}`)
  else console.log(`${result.outcome === 'failed' ? '✘' : '·'} ${result.name}: ${result.reason}`)
})
const count = (outcome: CaseResult['outcome']) => results.filter((result) => result.outcome === outcome).length
const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')]
if (values.json) console.log(JSON.stringify({ suite, passed, failed, skipped }))
else console.log(`\n${suite}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)
