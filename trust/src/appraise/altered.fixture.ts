import { expect } from 'vitest'
import { bitsOf, flip, type Part, type Region } from '../../genuine/parts.ts'
import type { Reason } from '../verdict.ts'
import { firstFailure } from './reason.ts'

/**
 * Sees what becomes of bytes by each of their bits that is flipped: many at once, as checking signatures is waiting.
 * @param idOf which reason refuses them
 */
export async function expectEachBit(
  { bytes, spans = [[0, bytes.length]], step }: { bytes: Uint8Array } & Partial<Pick<Region, 'spans' | 'step'>>,
  idOf: (altered: Uint8Array) => Promise<string | undefined>,
  ids: RegExp,
): Promise<void> {
  const bits = bitsOf({ spans }, step)
  for (let i = 0; i < bits.length; i += 64) {
    const some = bits.slice(i, i + 64)
    const found = await Promise.all(some.map((bit) => idOf(flip(bytes, bit))))
    for (const [k, id] of found.entries()) if (!ids.test(`${id}`)) expect(id, `bit ${some[k]}`).toMatch(ids)
  }
}

/** For a test that does: one on a slow machine may take minutes, and only one that hangs takes so long. */
export const EACH_BIT_MS = 600_000

/** A line of `it.each` for each region of these parts that a sample of bits is taken of here: `npm run every-bit` takes all. */
export function eachRegion(
  parts: readonly Part[],
): [what: string, region: string, expectRefusals: () => Promise<void>][] {
  return parts.flatMap(({ sample, part, bytes, regions, idOf }) =>
    regions.map((region) => [
      `${part} of ${sample}`,
      region.name,
      () => expectEachBit({ bytes, ...region }, idOf, region.free ? /./ : region.ids),
    ]),
  )
}

/** What each of those lines is about. */
export const takesNone = (_: string, __: string, expectRefusals: () => Promise<void>): Promise<void> => expectRefusals()

/** What fails first, which has to tell all four; undefined when nothing does. */
export function failureOf(reasons: readonly Reason[]): Reason | undefined {
  const failed = firstFailure(reasons)
  for (const told of ['expected', 'found', 'source', 'fix'] as const) if (failed) expect(failed[told]).toMatch(/\w/)
  return failed
}
