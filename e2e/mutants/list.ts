import { BOX } from './box.ts'
import { CLIENT } from './client.ts'
import { CONTENT } from './content.ts'
import { LEDGER } from './ledger.ts'
import type { Mutant } from './mutant.ts'
import { PROOF } from './proof.ts'
import { TRUST } from './trust.ts'

/** The checks on which trust rests. Whoever adds one to the product adds it here, with the test that misses it. */
export const MUTANTS: Mutant[] = [...TRUST, ...PROOF, ...CLIENT, ...CONTENT, ...BOX, ...LEDGER]
