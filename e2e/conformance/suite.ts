import { isDeepStrictEqual } from 'node:util'

/** What became of one case of an outside suite. A skip always says why. */
export type CaseResult =
  | { name: string; outcome: 'passed' }
  | { name: string; outcome: 'failed' | 'skipped'; reason: string }

/**
 * Runs a suite whose checkout lies in `directory`, never in this repository.
 * @param report is told each case as it ends
 * @throws Error when the directory does not hold the suite
 */
export type Suite = (directory: string, report: (result: CaseResult) => void) => Promise<void>

/** Plays cases in turn; one fails by what it throws, and is skipped where it says why. */
export async function playAll(
  cases: Iterable<readonly [name: string, play: () => Promise<unknown>]>,
  report: (result: CaseResult) => void,
): Promise<void> {
  for (const [name, play] of cases) {
    try {
      const reason = await play()
      report(typeof reason === 'string' ? { name, outcome: 'skipped', reason } : { name, outcome: 'passed' })
    } catch (error) {
      report({ name, outcome: 'failed', reason: String(error) })
    }
  }
}

/** @throws Error unless the two are the same, deep down */
export function expect(found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return
  const [what, that] = [expected, found].map((value) => JSON.stringify(value)?.slice(0, 200))
  throw new Error(`Expected ${what}, found ${that}`)
}
