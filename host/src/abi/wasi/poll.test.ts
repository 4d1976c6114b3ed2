import { describe, expect, test } from 'vitest'
import { openClient } from './client.fixture.ts'
import { Errno } from './errno.ts'

const FROM = 2_048
const TO = 8_192
const REALTIME = 0
const MONOTONIC = 1
const NOW = 1_700_000_000_000_000_000n

type Client = ReturnType<typeof openClient>
type Wanted =
  | { clock: number; timeout: bigint; absolute?: boolean }
  | { fd: number; write?: boolean }
  | { type: number }

/** Polls, and says which subscriptions were due, by their place, with their errors and bytes. */
async function poll(client: Client, wanted: Wanted[], { unstable = false } = {}) {
  const { call, view, at } = client
  const size = unstable ? 56 : 48
  for (const [i, next] of wanted.entries()) {
    const start = FROM + i * size
    client.bytes.fill(0, start, start + size)
    view.setBigUint64(start, BigInt(i), true)
    const clockAt = start + (unstable ? 24 : 16)
    if ('clock' in next) {
      view.setUint32(clockAt, next.clock, true)
      view.setBigUint64(clockAt + 8, next.timeout, true)
      view.setUint16(clockAt + 24, next.absolute ? 1 : 0, true)
    } else if ('fd' in next) {
      view.setUint8(start + 8, next.write ? 2 : 1)
      view.setUint32(start + 16, next.fd, true)
    } else view.setUint8(start + 8, next.type)
  }
  const errno = await call('poll_oneoff', FROM, TO, wanted.length, at.result)
  if (errno !== 0) return -errno
  return Array.from({ length: view.getUint32(at.result, true) }, (_, i) => {
    const start = TO + 32 * i
    const [place, error, bytes] = [view.getBigUint64(start, true), view.getUint16(start + 8, true), 16]
    return [Number(place), error, Number(view.getBigUint64(start + bytes, true))]
  })
}

describe('poll_oneoff', () => {
  test('waits for the nearest clock, and tells of all that are due with it', async () => {
    const client = openClient({ suspends: true })
    const clocks = [
      { clock: MONOTONIC, timeout: 900n },
      { clock: REALTIME, timeout: NOW + 300n, absolute: true },
      { clock: MONOTONIC, timeout: 300n },
    ]
    expect(await poll(client, clocks)).toEqual([
      [1, 0, 0],
      [2, 0, 0],
    ])
    expect(client.slept).toEqual([300n])
  })

  test('does not wait for a time that has passed, nor for files and streams', async () => {
    const client = openClient({ stdin: 'tea', suspends: true })
    client.write(client.open('file', { flags: 1 }), 'content')
    client.seek(4, 2n, 0)
    const wanted = [
      { clock: MONOTONIC, timeout: 1n << 60n },
      { clock: REALTIME, timeout: 5n, absolute: true },
      { fd: 0 },
      { fd: 1, write: true },
      { fd: 4 },
    ]
    expect(await poll(client, wanted)).toEqual([
      [1, 0, 0],
      [2, 0, 3],
      [3, 0, 0],
      [4, 0, 5],
    ])
    expect(client.slept).toEqual([])
  })

  test('tells of what cannot be waited for', async () => {
    const client = openClient({ suspends: true })
    expect(await poll(client, [{ fd: 99 }, { fd: 1 }, { clock: 2, timeout: 1n }, { type: 7 }])).toEqual([
      [0, Errno.badf, 0],
      [1, Errno.notcapable, 0],
      [2, Errno.notsup, 0],
      [3, Errno.inval, 0],
    ])
    expect(await poll(client, [])).toBe(-Errno.inval)
    expect(await client.call('poll_oneoff', FROM, TO, 5_000, 0)).toBe(Errno.inval)
    expect(await client.call('poll_oneoff', 65_530, TO, 1, 0)).toBe(Errno.fault)
    expect(await client.call('poll_oneoff', FROM, 65_530, 1, 0)).toBe(Errno.fault)
  })

  test('reads the subscriptions of preview 0', async () => {
    const client = openClient({ module: 'wasi_unstable', suspends: true })
    const wanted = [
      { clock: MONOTONIC, timeout: 900n },
      { clock: MONOTONIC, timeout: 7n },
    ]
    expect(await poll(client, wanted, { unstable: true })).toEqual([[1, 0, 0]])
    expect(client.slept).toEqual([7n])
  })

  test('refuses to wait for a guest that cannot be suspended', async () => {
    const client = openClient()
    expect(await poll(client, [{ clock: MONOTONIC, timeout: 1n }])).toBe(-Errno.notsup)
    expect(await poll(client, [{ clock: MONOTONIC, timeout: 0n }])).toEqual([[0, 0, 0]])
  })
})
