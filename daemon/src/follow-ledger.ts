import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger, Round } from '@teapot-network/ledger'
import type { Log } from './log.ts'

const POLL_MS = 300

/**
 * Brings every new block's facts to those who work by them, each in its own time, until aborted. What fails is told once, not at every
 * block, and tried again with the next.
 * @param work by what it does, for the log: "cannot … now"
 */
export async function followLedger(
  ledger: Ledger,
  work: Record<string, (round: Round) => Promise<unknown>>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const problems = new Map<string, string>()
  const attempt = async (what: string, run: () => Promise<unknown>) => {
    try {
      await run()
      problems.delete(what)
    } catch (error) {
      const { message } = error as Error
      if (!signal.aborted && problems.get(what) !== message) log.warn(`cannot ${what} now`, { message })
      problems.set(what, message)
    }
  }
  let last: Round | undefined
  while (!signal.aborted) {
    await attempt('read the ledger', async () => {
      const round = await ledger.readRound({ signal })
      if (round === last) return
      last = round
      for (const [what, run] of Object.entries(work)) void attempt(what, () => run(round))
    })
    await sleep(POLL_MS, undefined, { signal }).catch(() => {})
  }
}

/** One at a time; a call that comes meanwhile shares the run under way, and the next block brings the next. */
export function inTurns<Input>(work: (input: Input) => Promise<void>): (input: Input) => Promise<void> {
  let busy: Promise<void> | undefined
  return (input) => {
    busy ??= work(input).finally(() => {
      busy = undefined
    })
    return busy
  }
}
