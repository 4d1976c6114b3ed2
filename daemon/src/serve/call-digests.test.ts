import { requestDigest, responseDigest } from '@teapot-network/trust/call'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fastRequestDigest, fastResponseDigest } from './call-digests.ts'

const text = fc.string({ unit: 'binary', maxLength: 300 })
const payload = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 16_000, maxLength: 17_000 }))

it('the digests of the hot path are those of trust, byte for byte', () => {
  fc.assert(
    fc.property(text, text, payload, (actor, operation, payload) => {
      const call = { actor, operation, payload }
      expect(fastRequestDigest(call)).toBe(requestDigest(call))
      expect(fastResponseDigest({ outcome: operation, payload })).toBe(responseDigest({ outcome: operation, payload }))
    }),
  )
})
