// Counts what .ci/run did: `node .ci/count.ts <folder>` reads the folder's vitest reports (*.json) and parts (`parts`: a line of
// exit code, tab, name each), prints what failed or was skipped, and ends with one plain line of counts.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Reasons for which a test may be skipped where everything installable is installed; a skipped test's title gives its reason. */
const ALLOWED_SKIPS = [/needs a hardware TPM/, /needs recorded samples/, /needs root/]

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

/** Counts one vitest report. A file that could not be run at all, or a skip without an allowed reason, is a failure. */
export function countReport(report: Report): Count {
  const count: Count = { passed: [], failed: [], skipped: [] }
  for (const { name, status, message, assertionResults } of report.testResults) {
    if (status === 'failed' && !assertionResults.some((one) => one.status === 'failed'))
      count.failed.push(`${name}: ${message}`)
    for (const { status, fullName } of assertionResults) {
      if (status === 'passed') count.passed.push(fullName)
      else if (status === 'failed') count.failed.push(fullName)
      else if (ALLOWED_SKIPS.some((reason) => reason.test(fullName))) count.skipped.push(fullName)
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
  for (const name of skipped!) console.log(`· skipped: ${name}`)
  for (const name of failed!) console.log(`✘ failed: ${name}`)
  console.log()
  console.log(`${passed!.length} passed, ${failed!.length} failed, ${skipped!.length} skipped`)
  process.exit(failed!.length === 0 ? 0 : 1)
}
