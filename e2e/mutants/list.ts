import type { Mutant } from './mutant.ts'

/** The checks on which trust rests. Whoever adds one adds it here, with the test that misses it. */
export const MUTANTS: Mutant[] = []
