import { utf8 } from '@teapot-network/trust'
import { expect, it } from 'vitest'
import type { Lines } from './command.ts'
import { run } from './run.ts'
import { foldTree, printable, showBytes, toJson } from './terminal.ts'

it('an answer that is text is shown as text, anything else as hex', () => {
  expect(showBytes(utf8('Hello, Ada ☕\n'))).toBe('Hello, Ada ☕\n')
  expect(showBytes(Uint8Array.of(0xff, 0x00))).toBe('0xff00')
  expect(showBytes(utf8('\u001b[2Jgone'))).toBe('0x1b5b324a676f6e65')
})

it.each([
  ['escape sequences', '\u001b]8;;http://evil\u0007', '\ufffd]8;;http://evil\ufffd'],
  ['C1 controls', 'a\u009b2J', 'a\ufffd2J'],
  ['what begins another line', 'a\r\nb\u0085c\u2028d', 'a\ufffd\ufffdb\ufffdc\ufffdd'],
  ['what turns the direction', '\u202edlrow\u2066', '\ufffddlrow\ufffd'],
  ['what has no width', 'te\u200bap\u00ado\ufeff\u{e0041}t', 'te\ufffdap\ufffdo\ufffd\ufffdt'],
  ['nothing of what people write', '\ta ☕ 👩‍🚀 é', '\ta ☕ 👩‍🚀 é'],
])('a line of strangers loses %s', (_, text, shown) => {
  expect(printable(text)).toBe(shown)
})

it('a tree is folded to a terminal of 100 columns, and nothing of it is lost', () => {
  const [short, long, word] = ['✔ whole', `    found: ${'nine more '.repeat(30)}`.trimEnd(), `  ✘ ${'x'.repeat(250)}`]
  const folded = foldTree([short, long, word].join('\n'))
  for (const line of folded) expect(line.length).toBeLessThanOrEqual(100)
  expect(folded[0]).toBe(short)
  expect(folded[2]).toMatch(/^ {8}\S/)
  const blanks = /\s/g
  expect(folded.join('').replace(blanks, '')).toBe([short, long, word].join('').replace(blanks, ''))
})

it('JSON that is printed holds the very value, though no byte of it can move a terminal', () => {
  const value = { a: 'x\u009b2J\u202e\u{e0041}\n"', b: [1, null] }
  for (const indent of [undefined, 2]) {
    const text = toJson(value, indent)
    expect(JSON.parse(text)).toEqual(value)
    for (const line of text.split('\n')) expect(printable(line)).toBe(line)
  }
})

it('every command prints through it, and an error of several lines cannot pass for something else that is said', async () => {
  const printed: string[] = []
  const to = (...lines: Lines[]) => void printed.push(...lines.flat())
  const io = { out: to, err: to, stdin: async () => utf8(''), cwd: '/', signal: new AbortController().signal }
  await run(['proof', 'verify', 'no\u001b[2J\naffirming: all holds'], io)
  expect(printed).toEqual([
    'teapot: Cannot read no\ufffd[2J',
    '  affirming: all holds: expected a file, found nothing there (cli/cannot-read)',
  ])
})
