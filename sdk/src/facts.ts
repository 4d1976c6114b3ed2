import type { Digest, EpochRecord, LedgerFacts } from '@teapot-network/trust'

/** Where ledger facts come from: `createLedger` of `@teapot-network/ledger`, or anything that answers alike. */
export interface FactsSource {
  /** Everything pinned to one block, the newest when none is named. */
  readFacts(options?: { signal?: AbortSignal | undefined; block?: number | undefined }): Promise<LedgerFacts>
  /** The block of that number, undefined if there is none yet. */
  readBlock(number: number, options?: { signal?: AbortSignal | undefined }): Promise<{ hash: Digest } | undefined>
  /** Those of the epochs from `first` to `last` that are closed. */
  readEpochs(first: number, last: number, options?: { signal?: AbortSignal | undefined }): Promise<EpochRecord[]>
}

/** Ledger facts that may be a little old, and the way to fresh ones. */
export interface FactsCache {
  /** @param maxAgeMs 0 asks the ledger again */
  read(maxAgeMs: number, signal?: AbortSignal): Promise<LedgerFacts>
  readonly source: FactsSource
}

/** Keeps the newest facts and shares one read between all who ask meanwhile. */
export function createFactsCache(source: FactsSource): FactsCache {
  let held: { facts: LedgerFacts; atMs: number } | undefined
  let reading: Promise<LedgerFacts> | undefined
  return {
    source,
    async read(maxAgeMs, signal) {
      if (held !== undefined && performance.now() - held.atMs < maxAgeMs) return held.facts
      reading ??= source
        .readFacts()
        .then((facts) => {
          held = { facts, atMs: performance.now() }
          return facts
        })
        .finally(() => {
          reading = undefined
        })
      return abortable(reading, signal)
    },
  }
}

/** The promise, or the signal's reason if that comes first; the work itself goes on for the others who wait. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
