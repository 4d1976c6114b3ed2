import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../daemon/src/attest/clock.ts'

/** Time that passes only when all that is real has come to rest: as fast as the machine is, and the same however loaded. */
export interface SimTime extends Clock, Disposable {
  /** Real work that time must wait for. */
  track<T>(work: Promise<T>): Promise<T>
  /** Lets what is due until then happen, in order. */
  advanceTo(ms: number): Promise<void>
}

interface Timer {
  at: number
  wake(): void
}

const SUBTLE = ['sign', 'verify', 'digest', 'importKey', 'exportKey', 'generateKey', 'deriveBits'] as const
/** So many idle turns of the event loop are taken for rest. */
const CALM_TURNS = 3

/** One at a time in a process: it watches WebCrypto, which works in threads. */
export function createSimTime(): SimTime {
  const timers = new Set<Timer>()
  let now = 0
  let pending = 0
  let onIdle = () => {}

  function track<T>(work: Promise<T>): Promise<T> {
    pending++
    const done = () => {
      if (--pending === 0) onIdle()
    }
    work.then(done, done)
    return work
  }

  const subtle = Object.getPrototypeOf(crypto.subtle) as Record<string, (...args: unknown[]) => Promise<unknown>>
  const real = SUBTLE.map((name) => [name, subtle[name]!] as const)
  for (const [name, work] of real) {
    subtle[name] = function (...args) {
      return track(work.apply(this, args))
    }
  }

  async function rest(): Promise<void> {
    for (let calm = 0; calm < CALM_TURNS; calm++) {
      if (pending > 0) {
        await new Promise<void>((resolve) => {
          onIdle = resolve
        })
        calm = 0
      }
      await setImmediate()
      if (process.getActiveResourcesInfo().some((name) => name.includes('Req'))) calm = -1
    }
  }

  return {
    now: () => now,
    track,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve()
        const wake = () => {
          timers.delete(timer)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        const timer: Timer = { at: now + Math.max(1, Math.round(ms)), wake }
        timers.add(timer)
        signal.addEventListener('abort', wake)
      }),
    async advanceTo(ms) {
      for (;;) {
        await rest()
        let next = Number.POSITIVE_INFINITY
        for (const { at } of timers) next = Math.min(next, at)
        if (next > ms) break
        now = next
        for (const timer of [...timers]) if (timer.at === now) timer.wake()
      }
      now = ms
    },
    [Symbol.dispose]() {
      for (const [name, work] of real) subtle[name] = work
    },
  }
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
