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
  /** Run in the copy before the tests, with `node`: for what is generated from the file. */
  prepare?: string
}
