import { firstFailure } from '../src/appraise/reason.ts'
import type { Reason } from '../src/verdict.ts'

/** From and to, in bytes. */
export type Span = readonly [from: number, to: number]

/** Bytes of a part that say one thing. */
export interface Region {
  name: string
  spans: readonly Span[]
  /** Which reasons may refuse a flipped bit in it. */
  ids: RegExp
  /** Why a flipped bit in it may leave the verdict as it was, where it may: nothing signed or measured stands there. */
  free?: string
  /** What its bytes are to whoever judges them, where several samples show the same: those need be altered once. */
  like?: string
  /** How far apart the bits are that `npm test` flips: at 9, one a byte, each time another. All, where there is none. */
  step?: number
}

/** Bytes of a sample that are shown to who appraises, each in exactly one region. */
export interface Part {
  sample: string
  part: string
  bytes: Uint8Array
  regions: readonly Region[]
  /** Which reason refuses these bytes in place of the genuine ones; undefined when none does. */
  idOf(altered: Uint8Array): Promise<string | undefined>
}

/** One region. */
export function region(name: string, from: number, to: number, ids: RegExp, step?: number): Region {
  return { name, spans: [[from, to]], ids, ...(step && { step }) }
}

/** A part that is one region. */
export function whole(ids: RegExp, bytes: Uint8Array, step?: number, like?: string): Pick<Part, 'bytes' | 'regions'> {
  return { bytes, regions: [{ ...region('', 0, bytes.length, ids, step), ...(like && { like }) }] }
}

/** Every bit of a region, `step` apart. */
export function bitsOf({ spans }: Pick<Region, 'spans'>, step = 1): number[] {
  const bits: number[] = []
  for (const [from, to] of spans) for (let bit = from * 8; bit < to * 8; bit++) bits.push(bit)
  return bits.filter((_, i) => i % step === 0)
}

/** The same bytes but for one bit. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))
}

/** What fails first, by its id; one that does not tell all four is told as such. */
export function toldId(reasons: readonly Reason[]): string | undefined {
  const failed = firstFailure(reasons)
  const missing = failed && (['expected', 'found', 'source', 'fix'] as const).find((what) => !failed[what])
  return missing ? `${failed.id} without ${missing}` : failed?.id
}
