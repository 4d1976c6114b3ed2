import { utf8 } from '@teapot-network/trust'
import { expect, it } from 'vitest'
import { printable, showBytes } from './input.ts'

it('an answer that is text is shown as text, anything else as hex', () => {
  expect(showBytes(utf8('Hello, Ada ☕\n'))).toBe('Hello, Ada ☕\n')
  expect(showBytes(Uint8Array.of(0xff, 0x00))).toBe('0xff00')
})

it('an answer cannot repaint the terminal', () => {
  expect(showBytes(utf8('\u001b[2Jgone'))).toBe('0x1b5b324a676f6e65')
  expect(showBytes(utf8('\u202edlrow'))).toMatch(/^0x/)
})

it('what strangers wrote loses what could repaint the terminal, and keeps the rest', () => {
  expect(printable('a\u001b[2J\tb\nc\u202ed 👩‍🚀')).toBe('a\ufffd[2J\tb\nc\ufffdd 👩‍🚀')
})
