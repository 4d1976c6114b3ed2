import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TeapotError } from './index.ts'

/** What every parser of ours promises: it reads what is valid, and whatever else comes, it throws its own code or reads it. */
export function promiseParser(
  parse: (bytes: Uint8Array) => unknown,
  options: { valid: Uint8Array; codes: string[]; prefixesAreValid?: boolean },
): void {
  const { valid, codes, prefixesAreValid = false } = options
  const refusal = (bytes: Uint8Array): string | undefined => {
    try {
      parse(bytes)
      return undefined
    } catch (error) {
      if (!(error instanceof TeapotError)) throw error
      expect(codes).toContain(error.code)
      expect(error.kind).toBe('refused')
      return error.code
    }
  }

  describe('as every parser', () => {
    it('reads what is valid', () => {
      expect(refusal(valid)).toBeUndefined()
    })
    it('refuses every truncation', () => {
      for (let length = 0; length < valid.length; length += length < 400 ? 1 : 37) {
        const code = refusal(valid.subarray(0, length))
        if (!prefixesAreValid) expect(code, `${length} of ${valid.length} bytes`).toBeDefined()
      }
    })
    it('refuses trailing bytes', () => {
      for (const extra of [0x00, 0xff]) expect(refusal(Uint8Array.of(...valid, extra))).toBeDefined()
    })
    it('throws nothing but its own code on arbitrary bytes', () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void refusal(bytes)))
    })
    it('throws nothing but its own code when a bit of something valid is flipped', () => {
      fc.assert(
        fc.property(fc.nat(valid.length * 8 - 1), (bit) => {
          const bytes = valid.slice()
          bytes[bit >> 3]! ^= 1 << (bit & 7)
          refusal(bytes)
        }),
        { numRuns: 500 },
      )
    })
  })
}
