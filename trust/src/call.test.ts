import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  callInfo,
  encodeCallRequest,
  encodeCallResponse,
  encodeSealedRequest,
  encodeSealedResponse,
  parseCallRequest,
  parseCallResponse,
  parseSealedRequest,
  parseSealedResponse,
  requestDigest,
  responseDigest,
} from './call.ts'
import { digestOf, encodeCbor, toHex, utf8 } from './index.ts'
import { promiseParser } from './parser.behavior.ts'

const codes = ['call/malformed', 'cbor/malformed']
const malformed = expect.objectContaining({ code: 'call/malformed' })
const digest = digestOf(utf8('digest'))
const request = { actor: 'hello', operation: 'greet', payload: utf8('world'), mode: 'inline' as const }
const salt = new Uint8Array(16)
const response = {
  outcome: 'ok',
  payload: utf8('hi'),
  claims: utf8('c'),
  salt,
  receipt: null,
  id: '1.2.x',
  trace: null,
  children: [{ id: '1.1.x', claims: utf8('c'), salt, receipt: null, children: [] }],
}
const sealedRequest = { run: digest, evidence: digest, enc: new Uint8Array(32), ct: utf8('ciphertext') }
const sealedResponse = { nonce: new Uint8Array(12), ct: utf8('ciphertext') }

describe('the digest of a request', () => {
  it('is over domain, lengths, names and payload', () => {
    const bytes = Uint8Array.of(...utf8('teapot/request/1'), 0, 5, ...utf8('hello'), 0, 5, ...utf8('greetworld'))
    expect(requestDigest(request)).toBe(digestOf(bytes))
  })
  it('tells apart what only looks the same when joined', () => {
    const shifted = { ...request, actor: 'hell', operation: 'ogreet' }
    expect(requestDigest(shifted)).not.toBe(requestDigest(request))
    expect(requestDigest({ ...request, operation: 'greetw', payload: utf8('orld') })).not.toBe(requestDigest(request))
  })
  it('counts the bytes of a name, not its characters', () => {
    const bytes = Uint8Array.of(...utf8('teapot/request/1'), 0, 2, ...utf8('é'), 0, 0)
    expect(requestDigest({ actor: 'é', operation: '', payload: new Uint8Array() })).toBe(digestOf(bytes))
  })
  it('is refused for a name that is too long', () => {
    expect(() => requestDigest({ ...request, actor: 'x'.repeat(65_536) })).toThrow(malformed)
  })
})

describe('the digest of a response', () => {
  it('is over domain, length, outcome and payload', () => {
    const bytes = Uint8Array.of(...utf8('teapot/response/1'), 0, 2, ...utf8('okhi'))
    expect(responseDigest(response)).toBe(digestOf(bytes))
  })
  it('is another for another outcome', () => {
    expect(responseDigest({ ...response, outcome: 'actor/trapped' })).not.toBe(responseDigest(response))
  })
})

describe('a call', () => {
  describe('request', () => promiseParser(parseCallRequest, { valid: encodeCallRequest(request), codes }))
  describe('response', () => promiseParser(parseCallResponse, { valid: encodeCallResponse(response), codes }))
  describe('sealed request', () =>
    promiseParser(parseSealedRequest, { valid: encodeSealedRequest(sealedRequest), codes }))
  describe('sealed response', () =>
    promiseParser(parseSealedResponse, { valid: encodeSealedResponse(sealedResponse), codes }))

  it('reads as it was written', () => {
    const arbitrary = fc.record({
      actor: fc.string(),
      operation: fc.string(),
      payload: fc.uint8Array(),
      mode: fc.constantFrom('inline' as const, 'later' as const),
    })
    fc.assert(fc.property(arbitrary, (value) => void expect(parseCallRequest(encodeCallRequest(value))).toEqual(value)))
    for (const receipt of [null, utf8('receipt')]) {
      expect(parseCallResponse(encodeCallResponse({ ...response, receipt }))).toEqual({ ...response, receipt })
    }
    expect(parseSealedRequest(encodeSealedRequest(sealedRequest))).toEqual(sealedRequest)
    expect(parseSealedResponse(encodeSealedResponse(sealedResponse))).toEqual(sealedResponse)
  })
  it('refuses a mode, version or size it does not know', () => {
    expect(() => parseCallRequest(encodeCbor(['a', 'b', utf8('c'), 'soon']))).toThrow(malformed)
    expect(() => parseCallRequest(encodeCbor(['a', 'b', utf8('c')]))).toThrow(malformed)
    expect(() => parseSealedResponse(encodeCbor({ v: 2, ...sealedResponse }))).toThrow(malformed)
    expect(() => parseSealedResponse(encodeCbor({ v: 1, nonce: utf8('short'), ct: utf8('') }))).toThrow(malformed)
    expect(() => parseSealedRequest(encodeSealedRequest({ ...sealedRequest, enc: utf8('short') }))).toThrow(malformed)
    expect(() => parseCallResponse(encodeCallResponse({ ...response, salt: utf8('short') }))).toThrow(malformed)
  })
  it('is sealed for one run and its evidence', () => {
    const other = digestOf(utf8('other'))
    expect(toHex(callInfo(digest, other))).toBe(`${toHex(utf8('teapot/call/1'))}${digest.slice(2)}${other.slice(2)}`)
  })
})
