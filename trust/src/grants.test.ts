import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCbor, encodeGrants, parseGrants, utf8 } from './index.ts'
import { promiseParser } from './parser.behavior.ts'

describe('grants', () => {
  promiseParser(parseGrants, {
    valid: encodeGrants(['kv.read', 'kv.write']),
    codes: ['grants/malformed'],
    prefixesAreValid: true,
  })

  it('have one encoding for one set, whatever the order', () => {
    const capabilities = fc.uniqueArray(fc.string({ minLength: 1 }))
    fc.assert(
      fc.property(capabilities, (set) => {
        const bytes = encodeGrants(set)
        expect(encodeGrants([...set].reverse())).toEqual(bytes)
        expect(encodeGrants(parseGrants(bytes))).toEqual(bytes)
      }),
    )
  })
  it('are sorted by their bytes, not by UTF-16 units', () => {
    expect(parseGrants(encodeGrants(['\u{10000}', '\uffff']))).toEqual(['\uffff', '\u{10000}'])
  })
  it('are none when there are no bytes', () => {
    expect(parseGrants(new Uint8Array())).toEqual([])
    expect(encodeGrants([])).toEqual(Uint8Array.of(0x80))
  })
  it.each([
    ['a repeated capability', encodeCbor(['a', 'a'])],
    ['capabilities out of order', encodeCbor(['b', 'a'])],
    ['an empty capability', encodeCbor([''])],
    ['a capability that is no text', encodeCbor([1])],
    ['something else than an array', encodeCbor('a')],
    ['bytes that are no CBOR', utf8('zz')],
  ])('refuse %s', (_, bytes) => {
    expect(() => parseGrants(bytes)).toThrow(expect.objectContaining({ code: 'grants/malformed' }))
  })
  it('refuse to be encoded with a repeat', () => {
    expect(() => encodeGrants(['a', 'a'])).toThrow(expect.objectContaining({ code: 'grants/malformed' }))
  })
})
