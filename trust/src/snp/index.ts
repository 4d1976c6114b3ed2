import type { TeeAppraiser } from '../appraise/beneath.ts'
import type { ReferenceValuesDocument } from '../reference-values.ts'
import { parseCertificate } from '../x509.ts'
import { AMD_ROOTS } from './amd-certificates.ts'
import { snpAppraiser } from './appraise.ts'
import type { SnpProduct } from './tcb.ts'

export { AMD_INTERMEDIATES, AMD_ROOTS, type AmdCertificate } from './amd-certificates.ts'
export { parseSnpReport, SNP_REPORT_BYTES, type SnpReport } from './report.ts'

/** Appraises SEV-SNP reports of Milan, Genoa and Turin against the reference values and AMD's own roots (spec/tee.md §2). */
export function createSnpAppraiser(references: ReferenceValuesDocument): TeeAppraiser {
  const roots = AMD_ROOTS.map(({ name, der }) => ({
    product: name.slice('ARK-'.length) as SnpProduct,
    certificate: parseCertificate(Uint8Array.from(atob(der), (character) => character.charCodeAt(0))),
  }))
  return snpAppraiser(references, roots)
}
