import type { TpmConnection } from './connection.ts'

const last = new WeakMap<TpmConnection, Promise<unknown>>()

/** Runs work that fills the TPM's few object slots after all such work asked for earlier on this connection. */
export function inTurn<T>(tpm: TpmConnection, work: () => Promise<T>): Promise<T> {
  const result = (last.get(tpm) ?? Promise.resolve()).then(work)
  last.set(
    tpm,
    result.catch(() => {}),
  )
  return result
}
