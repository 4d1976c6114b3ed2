import { expect, test } from 'vitest'
import { countReport } from './count.ts'

function report(...assertions: [status: string, fullName: string][]) {
  const assertionResults = assertions.map(([status, fullName]) => ({ status, fullName }))
  const status = assertions.some(([one]) => one === 'failed') ? 'failed' : 'passed'
  return { testResults: [{ name: 'x.test.ts', status, message: '', assertionResults }] }
}

test('passed and failed tests are counted by their names', () => {
  const count = countReport(report(['passed', 'a holds'], ['failed', 'b holds']))
  expect(count).toEqual({ passed: ['a holds'], failed: ['b holds'], skipped: [] })
})

test('a skipped test is a failure unless it lacks what nobody can install', () => {
  const count = countReport(
    report(['skipped', 'a quote verifies (needs a hardware TPM)'], ['pending', 'needs chromium']),
  )
  expect(count.skipped).toEqual(['a quote verifies (needs a hardware TPM)'])
  expect(count.failed).toEqual([expect.stringContaining('needs chromium')])
})

test('a test file that could not be loaded is a failure, though no test of it failed', () => {
  const count = countReport({
    testResults: [{ name: 'x.test.ts', status: 'failed', message: 'Cannot find module', assertionResults: [] }],
  })
  expect(count.failed).toEqual(['x.test.ts: Cannot find module'])
})
