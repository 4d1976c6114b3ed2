// Counts what .ci/run did: `node .ci/count.ts <folder>` reads the folder's vitest reports (*.json) and parts (`parts`: a line of
// exit code, tab, name each), prints what failed or was skipped, and ends with one plain line of counts.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The only tests that may be skipped where everything installable is installed, and what they lack there. */
const ALLOWED_SKIPS: [test: RegExp, lacks: string][] = [
  [/\(needs root\)/, 'root'],
  [/\(needs a hardware TPM\)/, 'a hardware TPM'],
  [
    /genuine (TPM structures|quote|SEV-SNP|Nitro)|two outside verifiers|a machine that booted|logs of others' machines|CIDs? (of|that) IPIP-499|recorded samples|Wycheproof/,
    "other people's samples, or the memory for the largest",
  ],
  [/\(needs a compiler for WASI\)/, 'clang with wasi-libc, or Rust with wasm32-wasip1'],
  [/full disk/, 'the right to mount a file system'],
  [
    /^isolation \w+ /,
    "that isolation: a uid takes root, namespaces take bubblewrap, control groups a group of the node's own",
  ],
]

interface Report {
  testResults: {
    name: string
    status: string
    message: string
    assertionResults: { status: string; fullName: string }[]
  }[]
}

/** Names of what passed, failed and was skipped. */
export interface Count {
  passed: string[]
  failed: string[]
  skipped: string[]
}

/** Counts one vitest report. A file that could not be run at all, or a skip that is not allowed, is a failure. */
export function countReport(report: Report): Count {
  const count: Count = { passed: [], failed: [], skipped: [] }
  for (const { name, status, message, assertionResults } of report.testResults) {
    if (status === 'failed' && !assertionResults.some((one) => one.status === 'failed'))
      count.failed.push(`${name}: ${message}`)
    for (const { status, fullName } of assertionResults) {
      if (status === 'passed') count.passed.push(fullName)
      else if (status === 'failed') count.failed.push(fullName)
      else if (ALLOWED_SKIPS.some(([test]) => test.test(fullName))) count.skipped.push(fullName)
      else count.failed.push(`${fullName}: skipped, though what it needs could have been installed`)
    }
  }
  return count
}

function countFile(path: string): Count {
  try {
    return countReport(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    return { passed: [], failed: [`${path}: ${(error as Error).message}`], skipped: [] }
  }
}

function countParts(path: string): Count {
  const count: Count = { passed: [], failed: [], skipped: [] }
  for (const line of readFileSync(path, 'utf8').trim().split('\n')) {
    const [code, name = ''] = line.split('\t')
    if (code === '0') count.passed.push(name)
    else count.failed.push(`${name}: exit code ${code}`)
  }
  return count
}

if (import.meta.main) {
  const folder = process.argv[2] ?? '.cache/ci'
  const reports = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const counts = [...reports.map((name) => countFile(join(folder, name))), countParts(join(folder, 'parts'))]
  const [passed, failed, skipped] = (['passed', 'failed', 'skipped'] as const).map((kind) =>
    counts.flatMap((count) => count[kind]),
  )
  for (const name of skipped!) {
    console.log(`· skipped, for want of ${ALLOWED_SKIPS.find(([test]) => test.test(name))?.[1]}: ${name}`)
  }
  for (const name of failed!) console.log(`✘ failed: ${name}`)
  console.log()
  console.log(`${passed!.length} passed, ${failed!.length} failed, ${skipped!.length} skipped`)
  process.exit(failed!.length === 0 ? 0 : 1)
}
