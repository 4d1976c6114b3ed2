import { isMainThread } from 'node:worker_threads'
import { logParts, machineParts } from '../../trust/genuine/boot.ts'
import { nitroParts } from '../../trust/genuine/nitro.ts'
import type { Part } from '../../trust/genuine/parts.ts'
import { hasGenuine } from '../../trust/genuine/samples.ts'
import { snpParts } from '../../trust/genuine/snp.ts'
import { tdxParts } from '../../trust/genuine/tdx.ts'
import { tpmParts } from '../../trust/genuine/tpm.ts'
import { bundleParts } from './bundle.ts'

/** All whose bits are flipped; without the samples, what stands in the repository alone. */
export async function allParts(): Promise<Part[]> {
  const genuine = hasGenuine('', isMainThread ? 'every bit but those of a saved proof' : undefined)
    ? [nitroParts(), snpParts(), tdxParts(), machineParts(), tpmParts(), logParts()].flat()
    : []
  return [...(await bundleParts()), ...genuine]
}
