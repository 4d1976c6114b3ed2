import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAllowList } from './allow-list.ts'

const allows = (setting: string | undefined, url: string) => parseAllowList(setting)(new URL(url))

test.each([
  ['https://api.example.com', 'https://api.example.com/x?y'],
  ['api.example.com', 'https://api.example.com:443/'],
  ['API.Example.com', 'https://api.example.com/'],
  [' a.example , b.example ', 'https://b.example/'],
  ['*.example.com', 'https://a.b.example.com/'],
  ['*', 'https://anything.example/'],
  ['http://*', 'http://anything.example/'],
  ['http://10.0.0.1:8080', 'http://10.0.0.1:8080/'],
  ['http://10.0.0.1', 'http://0x0a.1/'],
  ['https://[::1]:8443', 'https://[0:0::1]:8443/'],
  ['täe.example', 'https://t%C3%A4e.example/'],
  ['*.example.com:8443', 'https://a.example.com:8443/'],
])('%s allows %s', (setting, url) => {
  expect(allows(setting, url)).toBe(true)
})

test.each([
  [undefined, 'https://api.example.com/'],
  ['', 'https://api.example.com/'],
  [' , ', 'https://api.example.com/'],
  ['api.example.com', 'http://api.example.com/'],
  ['api.example.com', 'https://api.example.com:444/'],
  ['api.example.com', 'https://example.com/'],
  ['api.example.com', 'https://api.example.com.evil.example/'],
  ['api.example.com', 'https://api.example.com./'],
  ['*.example.com', 'https://example.com/'],
  ['*.example.com', 'https://evilexample.com/'],
  ['*', 'http://anything.example/'],
  ['*', 'https://anything.example:8443/'],
  ['http://a.example', 'https://a.example/'],
])('%s does not allow %s', (setting, url) => {
  expect(allows(setting, url)).toBe(false)
})

test.each([
  'https://a/b',
  'ftp://a.example',
  'https://u@a.example',
  'a b.example',
  '*a.example',
  'a.*',
  '**',
  'a:99999',
  '[::1',
  'https://',
])('%s is refused as a setting', (setting) => {
  expect(() => parseAllowList(setting)).toThrowError(expect.objectContaining({ code: 'provider/bad-settings' }))
})

test('Any text is read or refused, and nothing but an exact host is allowed by it', () => {
  const host = fc.array(fc.constantFrom('a', 'b', 'example'), { minLength: 2, maxLength: 3 }).map((it) => it.join('.'))
  const url = fc.tuple(fc.constantFrom('http://', 'https://'), host).map((parts) => parts.join(''))
  const parts = fc.array(fc.constantFrom('http://', 'https://', 'a', 'b', 'example', '.', '*', ',', ':80'))
  const settings = fc.oneof(
    fc.string(),
    host,
    parts.map((it) => it.join('')),
  )
  fc.assert(
    fc.property(settings, url, (setting, url) => {
      try {
        if (allows(setting, url)) expect(setting.toLowerCase()).toMatch(/\*|\./)
      } catch (error) {
        expect(error).toMatchObject({ code: 'provider/bad-settings' })
      }
    }),
  )
})
