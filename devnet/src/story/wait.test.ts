import { expect, test } from 'vitest'
import { stopSignal } from '../stop-signal.ts'
import { until } from './wait.ts'

test('waiting ends with what the last try said', async () => {
  const probe = () => Promise.reject(new Error('not yet'))
  const waiting = until('a miracle', probe, { signal: new AbortController().signal, timeoutMs: 0 })
  const message = expect.stringMatching(/a miracle.*not yet/)
  await expect(waiting).rejects.toMatchObject({ code: 'devnet/waited-in-vain', kind: 'unavailable', message })
})

test('a closed terminal stops the devnet', () => {
  const signal = stopSignal()
  process.emit('SIGHUP')
  expect(signal.reason).toMatchObject({ code: 'devnet/stopped' })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(name, process.listeners(name).at(-1)!)
})
