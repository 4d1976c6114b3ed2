import { encodeCbor, TeapotError, utf8 } from '@teapot-network/trust'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { encodeDispute, parseDispute } from './dispute.ts'

const bytes = fc.uint8Array({ maxLength: 40 })
const again = { outcome: 'ok', payload: utf8('tea'), fuel: 7, trace: undefined }

it('a dispute is read as it was written', () => {
  const parts = fc.record({ bundle: bytes, payload: bytes, trace: fc.option(bytes, { nil: undefined }) })
  fc.assert(
    fc.property(parts, (dispute) => {
      const whole = { ...dispute, app: undefined }
      expect(parseDispute(encodeDispute(whole, again))).toEqual(whole)
    }),
  )
})

it('whatever else is refused, or is no dispute', () => {
  const whole = encodeDispute({ bundle: utf8('b'), payload: utf8('p'), trace: undefined, app: undefined }, again)
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Uint8Array.from(whole)
      changed[at]! ^= flip
      try {
        parseDispute(changed)
      } catch (error) {
        expect(error).toBeInstanceOf(TeapotError)
      }
    }),
  )
  expect(parseDispute(encodeCbor({ v: 1, claims: whole }))).toBeUndefined()
  const code = 'cli/dispute-malformed'
  expect(() => parseDispute(encodeCbor({ recomputed: null }))).toThrow(expect.objectContaining({ code }))
})
