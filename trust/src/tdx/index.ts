import type { TeeAppraiser } from '../appraise/beneath.ts'
import type { ReferenceValuesDocument } from '../reference-values.ts'
import { parseCertificate } from '../x509.ts'
import { tdxAppraiser } from './appraise.ts'
import { INTEL_SGX_ROOT } from './intel-root.ts'
import { base64 } from './pck.ts'
import { createTdxVerifier, type TdxVerifier } from './verify.ts'

export { parseTdxQuote, type TdReport, type TdxQuote } from './quote.ts'
export type { TdxTcb } from './tcb.ts'
export type { TdxVerification, TdxVerifier } from './verify.ts'

/** Verifies a TDX quote of version 4 or 5 up to the Intel SGX Root CA (spec/tee.md §1). */
export const verifyTdxQuote: TdxVerifier = createTdxVerifier(parseCertificate(base64(INTEL_SGX_ROOT)))

/** Appraises TDX quotes against the reference values, up to the Intel SGX Root CA (spec/tee.md §1). */
export function createTdxAppraiser(references: ReferenceValuesDocument): TeeAppraiser {
  return tdxAppraiser(references, verifyTdxQuote)
}
