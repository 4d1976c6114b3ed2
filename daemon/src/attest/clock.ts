import { setTimeout as sleep } from 'node:timers/promises'

/** What tells a round how time passes at this node. */
export interface Clock {
  /** Milliseconds, never going back; their zero means nothing. */
  now(): number
  /** Resolves after `ms`, or as soon as it is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** Between the first two tries of anything. */
export const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2_000

/** How long to wait after that many tries, from 0: what does not come at once is asked for ever more seldom. */
export function pauseMs(tries: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS)
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
}
