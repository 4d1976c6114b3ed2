import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parsePattern, parseSubject } from './subject.ts'

const matches = (pattern: string, subject: string) => parsePattern(pattern)(parseSubject(subject))
const refused = expect.objectContaining({ code: 'provider/bad-subject' })

test.each([
  ['orders.new', 'orders.new'],
  ['orders.*', 'orders.new'],
  ['*.new', 'orders.new'],
  ['orders.>', 'orders.new.de'],
  ['>', 'orders'],
  ['*.*.>', 'a.b.c'],
  ['täe', 'täe'],
])('%s matches %s', (pattern, subject) => {
  expect(matches(pattern, subject)).toBe(true)
})

test.each([
  ['orders.new', 'orders.old'],
  ['orders.*', 'orders'],
  ['orders.*', 'orders.new.de'],
  ['orders.>', 'orders'],
  ['*', 'orders.new'],
  ['*.*.>', 'a.b'],
  ['Orders', 'orders'],
])('%s does not match %s', (pattern, subject) => {
  expect(matches(pattern, subject)).toBe(false)
})

test('What is no subject or pattern is refused', () => {
  for (const text of ['', '.', 'a.', '.a', 'a..b', 'a b', 'a*', 'a.>', '*', 'a\n', 'x'.repeat(257)])
    expect(() => parseSubject(text), text).toThrowError(refused)
  for (const text of ['', 'a.', 'a*', '>.a', 'a.>.b', 'a b', '>>', 'x'.repeat(257)])
    expect(() => parsePattern(text), text).toThrowError(refused)
})

test('A subject matches itself, each pattern with stars for tokens, and > in place of its end', () => {
  const token = fc.stringMatching(/^[a-z0-9_-]{1,8}$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(token, fc.boolean()), { minLength: 1, maxLength: 6 }), fc.nat(5), (parts, cut) => {
      const subject = parts.map(([part]) => part).join('.')
      const pattern = parts.map(([part, star]) => (star ? '*' : part))
      expect(matches(pattern.join('.'), subject)).toBe(true)
      if (cut < parts.length) expect(matches([...pattern.slice(0, cut), '>'].join('.'), subject)).toBe(true)
    }),
  )
})
