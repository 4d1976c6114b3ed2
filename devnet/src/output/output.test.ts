import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createSteps } from '../steps.ts'
import { createOutput, type OutputMode, outputMode } from './output.ts'

async function tell(mode: OutputMode): Promise<string> {
  const stream = new PassThrough()
  {
    using output = createOutput(stream, mode)
    const steps = createSteps(output.emit)
    await steps.step('1', 'ledger up', (say) => say('CodeRegistry 0x01\nAttestation 0x02', { codeRegistry: '0x01' }))
    await steps.step('7a', 'one byte changes', () => Promise.reject(new Error('not caught'))).catch(() => {})
    output.emit({
      event: 'up',
      staysUp: true,
      addresses: { chain: 'http://127.0.0.1:1' },
      commands: ['npx teapot status'],
    })
    output.emit({ event: 'end', held: steps.held, failed: steps.failed, ms: 1234 })
  }
  stream.end()
  return text(stream)
}

test('--json prints one event a line, each with its time', async () => {
  const events = (await tell('json'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events.map(({ event }) => event)).toEqual(['step', 'say', 'held', 'step', 'failed', 'up', 'end'])
  for (const { at } of events) expect(at).toBeTypeOf('number')
  expect(events[1]).toMatchObject({ step: '1', data: { codeRegistry: '0x01' } })
  expect(events[4]).toMatchObject({ step: '7a', message: expect.stringContaining('not caught') })
})

test('a pipe gets plain lines without a control character', async () => {
  const lines = await tell('lines')
  expect(lines).toContain('1. ledger up\n   CodeRegistry 0x01\n   Attestation 0x02\n   ✔ held')
  expect(lines).toContain('not every step held: 1 held, 1 failed, 1.2 s')
  expect(lines).not.toContain('\x1b')
})

test('a terminal gets the same lines, and keeps no half-drawn one', async () => {
  const shown = await tell('terminal')
  for (const line of ['CodeRegistry 0x01', '1 held, 1 failed']) expect(shown).toContain(line)
  expect(shown.endsWith('\n')).toBe(true)
})

test('the mode follows from the stream and the option', () => {
  expect(outputMode({ isTTY: true }, true)).toBe('json')
  expect(outputMode({ isTTY: false }, false)).toBe('lines')
})
