import type { SnpReference } from '../reference-values.ts'
import type { SnpReport } from './report.ts'

/** A line of processors that has a root key of its own. Genoa's counts for Bergamo and Siena too. */
export type SnpProduct = 'Milan' | 'Genoa' | 'Turin'

/** The security version of each part; 0 where a processor has no such part. */
export type SnpTcb = SnpReference['minimumTcb']

/** Its parts, as the reference values name them. */
export const SNP_PARTS = ['bootloader', 'tee', 'snp', 'microcode', 'fmc'] as const

/** Where in TCB_VERSION each part stands (AMD 56860 §2.2); Turin's begins with a further one. */
const EARLIER = { bootloader: 0, tee: 1, snp: 6, microcode: 7 }
const LAYOUT: Record<SnpProduct, Partial<Record<keyof SnpTcb, number>>> = {
  Milan: EARLIER,
  Genoa: EARLIER,
  Turin: { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 7 },
}

/** Reads a TCB_VERSION of 8 bytes. */
export function tcbOf(version: Uint8Array, product: SnpProduct): SnpTcb {
  return mapTcb((part) => version[LAYOUT[product][part] ?? -1] ?? 0)
}

/** A version for each part. */
export function mapTcb(versionOf: (part: keyof SnpTcb) => number): SnpTcb {
  return Object.fromEntries(SNP_PARTS.map((part) => [part, versionOf(part)])) as SnpTcb
}

/** Whether every part of `tcb` is at least as new as in `least`. */
export function isAtLeast(tcb: SnpTcb, least: SnpTcb): boolean {
  return SNP_PARTS.every((part) => tcb[part] >= least[part])
}

/** For people. */
export function tcbText(tcb: SnpTcb): string {
  return SNP_PARTS.map((part) => `${part} ${tcb[part]}`).join(', ')
}

/** Which product a processor is of, by family and model (AMD 56860 §7.3, CPUID_FAM_ID and CPUID_MOD_ID). */
export function productOf({ family, model }: NonNullable<SnpReport['cpu']>): SnpProduct | undefined {
  if (family === 0x1a) return model <= 0x1f ? 'Turin' : undefined
  if (family !== 0x19) return undefined
  return model <= 0x0f ? 'Milan' : model <= 0x1f || (model >= 0xa0 && model <= 0xaf) ? 'Genoa' : undefined
}
