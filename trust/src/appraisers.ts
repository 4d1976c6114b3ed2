import type { PlatformAppraiser, TeeAppraiser } from './appraise/beneath.ts'
import type { Evidence, TeeKind } from './evidence.ts'
import { parseReferenceValues, type ReferenceValuesDocument } from './reference-values.ts'
import { TeapotError } from './teapot-error.ts'

/** By maker; loaded when the first of its reports is to be appraised. */
const MAKERS: Record<TeeKind, (references: ReferenceValuesDocument) => Promise<TeeAppraiser>> = {
  tdx: async (references) => (await import('./tdx/index.ts')).createTdxAppraiser(references),
  'sev-snp': async (references) => (await import('./snp/index.ts')).createSnpAppraiser(references),
  nitro: async (references) => (await import('./nitro/index.ts')).createNitroAppraiser(references),
}

/** Each remembers chains that it has checked, and so is made once for a document. */
const made = new WeakMap<ReferenceValuesDocument, Partial<Record<TeeKind, Promise<TeeAppraiser>>>>()

/**
 * What it takes to appraise what this evidence shows from beneath the launcher (options of `appraise`), and no more: what appraises a maker's reports
 * is loaded where there is one.
 * @param references what the ledger's policy `reference-values` holds; must not change afterwards. Without it nothing beneath is worth anything
 */
export async function appraisersOf(
  { platform, tee }: Pick<Evidence, 'platform' | 'tee'>,
  references: ReferenceValuesDocument | undefined,
): Promise<{ platform?: PlatformAppraiser; tee?: TeeAppraiser[] }> {
  if (!references) return {}
  const makers = made.get(references) ?? {}
  made.set(references, makers)
  if (tee) makers[tee.kind] ??= MAKERS[tee.kind](references)
  return {
    ...(platform && { platform: (await import('./boot/index.ts')).createPlatformAppraiser(references) }),
    ...(tee && { tee: [await makers[tee.kind]!] }),
  }
}

/**
 * {@link appraisersOf} for `verifyProof`, as its `appraisers`. References that can't be read are as good as none: nothing beneath is worth anything.
 * @param references the document's bytes
 */
export async function proofAppraisers(
  evidence: Pick<Evidence, 'platform' | 'tee'>,
  references: Uint8Array | undefined,
): ReturnType<typeof appraisersOf> {
  if (!references) return {}
  try {
    return await appraisersOf(evidence, parseReferenceValues(references))
  } catch (error) {
    if (error instanceof TeapotError) return {}
    throw error
  }
}
