import { CONTENT } from './content.ts'
import type { Mutant } from './mutant.ts'
import { TRUST } from './trust.ts'

/** The checks on which trust rests. Whoever adds one to the product adds it here, with the test that misses it. */
export const MUTANTS: Mutant[] = [...TRUST, ...CONTENT]
