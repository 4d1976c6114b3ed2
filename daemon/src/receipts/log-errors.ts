import { TeapotError } from '@teapot-network/trust'

/** The log on disk is not what was written. */
export function logDamaged(what: string, cause?: unknown): TeapotError {
  return new TeapotError(
    'receipts/log-damaged',
    `Cannot open the receipt log: ${what}; restore the files, or close this log by raising the log number`,
    { kind: 'fault', cause },
  )
}

/** Whether an error says that the disk is full. */
export function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** Nothing of this batch was released; the next attempt starts from what is on disk. */
export function diskFull(cause: unknown): TeapotError {
  return new TeapotError(
    'receipts/disk-full',
    'Cannot issue receipts: the disk is full, so nothing can be made durable; free some space and call again',
    { kind: 'unavailable', cause },
  )
}

/** The log can't be trusted to be durable any more; the process has to end. */
export function logFailed(cause: unknown): TeapotError {
  return new TeapotError(
    'receipts/log-failed',
    `Cannot make receipts durable: ${(cause as Error).message}; nothing more is released, restart the daemon and check the disk`,
    { kind: 'fault', cause },
  )
}

/**
 * Syncs. One that failed, even for want of room, may not be tried again: the system forgets what it could not write.
 * @throws TeapotError `receipts/log-failed`
 */
export function orFail(sync: () => void): void {
  try {
    sync()
  } catch (error) {
    throw logFailed(error)
  }
}

/** The id is none of this log's, or was never made durable. */
export function unknownId(id: string): TeapotError {
  return new TeapotError(
    'receipts/unknown-id',
    `Cannot find a receipt under '${id.slice(0, 80)}': it is not an id that this log gave out`,
  )
}

/** The log never had, or never signed, a tree of that size. @param nearest the closest that there is */
export function noSuchSize(wanted: string, nearest: number): TeapotError {
  return new TeapotError(
    'receipts/no-such-size',
    `Cannot give ${wanted}: no checkpoint that this log signed is of that size; try ${nearest}`,
  )
}

/** Logs of earlier numbers are closed: whoever mirrored one still has it. */
export function noSuchLog(wanted: string, present: number): TeapotError {
  return new TeapotError(
    'receipts/no-such-log',
    `Cannot read receipt log ${wanted.slice(0, 20)}: expected this node's present one, ${present}; earlier ones are closed, ask a mirror`,
  )
}
