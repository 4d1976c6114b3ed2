import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineLog, ResponseBuffer } from './output.ts'

test('Lines are lines, however they are cut into writes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '\n', '🫖') })),
      fc.integer({ min: 1, max: 5 }),
      (texts, step) => {
        const lines: string[] = []
        const log = new LineLog(1_000, (line) => lines.push(line))
        const bytes = Buffer.from(texts.join(''))
        for (let at = 0; at < bytes.length; at += step) log.append(bytes.subarray(at, at + step))
        log.end()
        const expected = texts.join('').split('\n')
        if (expected.at(-1) === '') expected.pop()
        expect(lines).toEqual(expected)
      },
    ),
  )
})

test('A line without end is cut, and only the last words are kept', () => {
  const lines: string[] = []
  const log = new LineLog(10, (line) => lines.push(line))
  for (let i = 0; i < 1_000; i++) log.append(Buffer.from('0123456'))
  log.append(Buffer.from('\nlast words\n'))
  expect(lines).toEqual(['0123456012', 'last words'])
  expect(log.tail.endsWith('last words')).toBe(true)
  expect(log.tail.length).toBeLessThanOrEqual(1_024)
})

test('Of what is written at once, what comes after a line that is refused is not looked at', () => {
  const log = new LineLog(10, () => {
    throw new Error('no more')
  })
  expect(() => log.append(Buffer.from(`a\n${'b'.repeat(1 << 20)}end`))).toThrow('no more')
  expect(log.tail).toMatch(/^b+$/)
})

test('A response grows up to its limit', () => {
  const response = new ResponseBuffer(5_000)
  for (let i = 0; i < 5_000; i++) response.append(Uint8Array.of(i))
  expect(response.length).toBe(5_000)
  expect(response.bytes[4_999]).toBe(4_999 & 255)
  expect(() => response.append(Uint8Array.of(0))).toThrow(expect.objectContaining({ failure: 'response-too-large' }))
})
