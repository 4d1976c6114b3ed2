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
