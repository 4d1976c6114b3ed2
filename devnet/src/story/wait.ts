import { setTimeout as sleep } from 'node:timers/promises'
import { TeapotError } from '@teapot-network/trust'

const POLL_MS = 100
/** Whatever comes at all is there by then, on a machine at a tenth of its usual speed. */
const PATIENCE_MS = 120_000

/**
 * Asks until there is an answer.
 * @param what completes "waited for …"
 * @param probe undefined or a throw: not yet
 * @throws TeapotError `devnet/waited-in-vain` with what the last try said
 */
export async function until<Value>(
  what: string,
  probe: () => Promise<Value | undefined> | Value | undefined,
  { signal, timeoutMs = PATIENCE_MS }: { signal: AbortSignal; timeoutMs?: number },
): Promise<Value> {
  const deadline = performance.now() + timeoutMs
  let last = 'nothing'
  do {
    signal.throwIfAborted()
    try {
      const value = await probe()
      if (value !== undefined) return value
    } catch (error) {
      last = (error as Error).message
    }
    await sleep(POLL_MS, undefined, { signal })
  } while (performance.now() < deadline)
  throw new TeapotError(
    'devnet/waited-in-vain',
    `Waited ${timeoutMs / 1000} s for ${what}; the last try said: ${last}`,
    {
      kind: 'unavailable',
    },
  )
}
