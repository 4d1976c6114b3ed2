import { encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ActorRefusal } from '../entry-call.ts'
import { parseRequest } from './http-incoming.ts'

const parse = (more: Record<string, unknown>) => parseRequest(encode({ method: 'GET', path: '/', ...more }))

test('A request says what was asked, without what is of one connection alone', () => {
  const header = { Host: 'tea.example:8080', Accept: '*/*', 'Transfer-Encoding': 'chunked', 'content-length': '3' }
  const { fields, ...parts } = parse({ path: '/a%20b', queryString: 'x=1&y', header, body: Buffer.from('tea') })
  expect(parts).toEqual({
    ...{ method: 'GET', pathWithQuery: '/a%20b?x=1&y', authority: 'tea.example:8080' },
    body: Uint8Array.from(Buffer.from('tea')),
  })
  expect(fields.map(([name, value]) => `${name}: ${Buffer.from(value)}`)).toEqual(['Accept: */*', 'content-length: 3'])
})

test.each<[string, Record<string, unknown>]>([
  ['no method', { method: undefined }],
  ['a method with a line break', { method: 'GET / HTTP/1.1\r\nx:' }],
  ['a path without a slash', { path: 'http://elsewhere/' }],
  ['a path with a space', { path: '/ HTTP/1.1' }],
  ['a path with a fragment', { path: '/a#b' }],
  ['two queries', { path: '/?a', queryString: 'b' }],
  ['a query with a line break', { queryString: 'a\r\n' }],
  ['a header name with a colon', { header: { 'a:b': '' } }],
  ['a header value with a line break', { header: { a: 'b\r\nc: d' } }],
  ['a header value with a zero', { header: { a: '\0' } }],
  ['two hosts', { header: { host: 'a', Host: 'b' } }],
  ['a host with a path', { header: { host: 'a/b' } }],
  ['a host with a user', { header: { host: 'a@b' } }],
  ['a length that lies', { header: { 'content-length': '4' }, body: Buffer.from('tea') }],
  ['two lengths', { header: { 'content-length': '3', 'Content-Length': '3' }, body: Buffer.from('tea') }],
  ['a length that is none', { header: { 'content-length': '+3' }, body: Buffer.from('tea') }],
  ['a body that is no bytes', { body: 'tea' }],
  ['a header that is no text', { header: { a: 1 } }],
])('A request with %s is refused', (_, more) => {
  expect(() => parse(more)).toThrow(ActorRefusal)
})

test('Any bytes are a request or are refused', () => {
  const part = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.uint8Array())
  const request = fc.record({
    method: part,
    path: part,
    queryString: part,
    header: fc.dictionary(fc.string(), part),
    body: part,
  })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        request.map((value) => encode(value)),
      ),
      (payload) => {
        try {
          const { fields, pathWithQuery } = parseRequest(payload)
          expect(pathWithQuery).toMatch(/^\/[!-~]*$/)
          for (const [, value] of fields) expect(Buffer.from(value).toString('latin1')).not.toMatch(/[\r\n\0]/)
        } catch (error) {
          expect(error).toBeInstanceOf(ActorRefusal)
        }
      },
    ),
  )
})
