import type { TeeAppraiser } from '../appraise/beneath.ts'
import type { ReferenceValuesDocument } from '../reference-values.ts'
import { nitroAppraiser } from './appraise.ts'

export { NITRO_SPAN } from './appraise.ts'
export { type NitroDocument, parseNitroDocument } from './document.ts'

/** AWS Nitro Enclaves' root, G1, valid until 2049: `https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip`. */
const ROOT = '0x641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b'

/** Appraises Nitro attestation documents against the reference values and AWS's own root (spec/tee.md §3). */
export function createNitroAppraiser(references: ReferenceValuesDocument): TeeAppraiser {
  return nitroAppraiser(references, ROOT)
}
