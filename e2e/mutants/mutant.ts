/** One check of the product, removed or bent. The tests named beside it must notice. */
export interface Mutant {
  /** What is gone, in a few words; unique. */
  id: string
  /** The file it stands in, from the root. */
  file: string
  /** The exact text to replace; it must occur exactly once. */
  find: string
  replace: string
  /** The test files to run, from the root. */
  tests: string[]
  /** Runs only the tests whose full name holds this text: for files that take long. */
  title?: string
  /** A script, with its options, that generates files from the mutated one, and those files: run before the tests, and undone after them. */
  prepare?: { script: string; writes: string[] }
}

/** Mutants of one file that the same tests must notice: each is an id, a text, and what stands there instead. */
export function mutantsOf(
  file: string,
  where: Pick<Mutant, 'tests' | 'title' | 'prepare'>,
  ...checks: [id: string, find: string, replace: string][]
): Mutant[] {
  return checks.map(([id, find, replace]) => ({ id, file, find, replace, ...where }))
}
