import {
  concatBytes,
  type Digest,
  equalBytes,
  fromHex,
  PCR_C,
  PCR_R,
  sha256,
  TeapotError,
  toHex,
} from '@teapot-network/trust'
import { type LoadedKey, quote, quotedDigest, type RawQuote } from './commands/keys.ts'
import { pcrExtend, pcrRead } from './commands/pcr.ts'
import type { TpmConnection } from './connection.ts'
import type { Tpm } from './tpm.ts'

/** R and C. */
export const OUR_PCRS: readonly number[] = [PCR_R, PCR_C]

/** A quote over PCRs, and the values it covers. */
export interface Quote extends RawQuote {
  pcrs: Record<number, Digest>
}

const QUOTE_ATTEMPTS = 20

/** R and C as the TPM holds them now. */
export async function readPcrs(tpm: Tpm, signal?: AbortSignal): Promise<Map<number, Uint8Array>> {
  return pcrRead(await tpm.connect(signal), OUR_PCRS, signal)
}

/** TPM2_PCR_Extend of R or C: `extendPcr` of trust, done by the chip. */
export async function extendTpm(tpm: Tpm, pcr: number, digest: Digest, signal?: AbortSignal): Promise<void> {
  return pcrExtend(await tpm.connect(signal), pcr, fromHex(digest), signal)
}

/**
 * Quotes PCRs of the SHA-256 bank, ascending, with the values that the quote covers.
 * @throws TeapotError `tpm/pcrs-in-motion` when they keep changing
 */
export async function quotePcrs(
  tpm: TpmConnection,
  key: LoadedKey,
  qualifyingData: Uint8Array,
  pcrs: readonly number[],
  signal?: AbortSignal,
): Promise<Quote> {
  for (let attempt = 0; attempt < QUOTE_ATTEMPTS; attempt++) {
    // Asked for in one breath, so that nothing of ours comes between.
    const reading = eights(pcrs).map((some) => pcrRead(tpm, some, signal))
    const quoting = quote(tpm, key.handle, qualifyingData, pcrs, signal)
    const [quoted, ...read] = await Promise.all([quoting, ...reading])
    const values = read.flatMap((some) => [...some])
    if (equalBytes(quotedDigest(quoted.attest), sha256(concatBytes(...values.map(([, value]) => value))))) {
      return { ...quoted, pcrs: Object.fromEntries(values.map(([pcr, value]) => [pcr, toHex(value)])) }
    }
  }
  throw new TeapotError(
    'tpm/pcrs-in-motion',
    `Cannot quote: expected PCRs ${pcrs} to hold still, found them changed ${QUOTE_ATTEMPTS} times in a row; try again`,
    { kind: 'unavailable' },
  )
}

/** A TPM reads out eight PCRs at once, no more. */
function eights(pcrs: readonly number[]): number[][] {
  return Array.from({ length: Math.ceil(pcrs.length / 8) }, (_, i) => pcrs.slice(i * 8, i * 8 + 8))
}
