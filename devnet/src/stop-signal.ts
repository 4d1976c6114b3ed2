import { TeapotError } from '@teapot-network/trust'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** npm, the shell and the terminal each pass a Ctrl-C on: within this time they count as one. */
const SAME_PRESS_MS = 1_500
const PARENT_POLL_MS = 500

/**
 * Aborts when the devnet is asked to stop: Ctrl-C, SIGTERM, a closed terminal, or the end of the process that started it.
 * The abort's reason is a TeapotError `devnet/stopped`. Asked again after a moment, the process ends at once, and the sentinel cleans up.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  let firstAt: number | undefined
  const stop = (by: string) => controller.abort(new TeapotError('devnet/stopped', `stopped by ${by}`))
  const onSignal = (name: string) => {
    firstAt ??= performance.now()
    if (performance.now() - firstAt > SAME_PRESS_MS) process.exit(130)
    stop(name)
  }
  for (const name of SIGNALS) process.on(name, onSignal)

  const parent = process.ppid
  if (process.env.TEAPOT_PARENT === String(parent)) {
    setInterval(() => process.ppid !== parent && stop('the end of its parent'), PARENT_POLL_MS).unref()
  }
  return controller.signal
}
