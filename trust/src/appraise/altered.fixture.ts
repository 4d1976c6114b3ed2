import { expect } from 'vitest'
import type { Reason } from '../verdict.ts'
import { firstFailure } from './reason.ts'

/** The same bytes but for one bit. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))
}

/**
 * Sees what becomes of bytes by each of their bits that is flipped: many at once, as checking signatures is waiting.
 * @param idOf which reason refuses them
 * @param step how far apart the bits are: at 9, one a byte, each time another
 */
export async function expectEachBit(
  { bytes, from = 0, to = bytes.length, step = 1 }: { bytes: Uint8Array; from?: number; to?: number; step?: number },
  idOf: (altered: Uint8Array) => Promise<string | undefined>,
  ids: RegExp,
): Promise<void> {
  const bits = Array.from({ length: Math.ceil(((to - from) * 8) / step) }, (_, i) => from * 8 + i * step)
  for (let i = 0; i < bits.length; i += 64) {
    const some = bits.slice(i, i + 64)
    const found = await Promise.all(some.map((bit) => idOf(flip(bytes, bit))))
    for (const [k, id] of found.entries()) if (!ids.test(`${id}`)) expect(id, `bit ${some[k]}`).toMatch(ids)
  }
}

/** What fails first, which has to tell all four; undefined when nothing does. */
export function failureOf(reasons: readonly Reason[]): Reason | undefined {
  const failed = firstFailure(reasons)
  for (const told of ['expected', 'found', 'source', 'fix'] as const) if (failed) expect(failed[told]).toMatch(/\w/)
  return failed
}
