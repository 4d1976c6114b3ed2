import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CheckpointSummary, TeapotError } from '@teapot-network/trust'
import { openReceiptLog, type ReceiptLog, type ReceiptLogOptions } from './receipt-log.ts'

/** The TPM's counter of receipt logs: it only ever rises. */
export interface LogNumbers {
  logNumber(signal?: AbortSignal): Promise<number>
  raiseLogNumber(signal?: AbortSignal): Promise<number>
}

/** A receipt log that was told which checkpoints left the machine inside evidence. */
export interface NumberedLog {
  log: ReceiptLog
  /** Remembers a checkpoint that a quote is about to bind; resolves when that is on disk. */
  remember(checkpoint: CheckpointSummary): Promise<void>
}

const BEYOND_REPAIR = ['receipts/log-damaged', 'receipts/log-behind']

/**
 * Opens the log under the TPM's number. A log that is lost, damaged, or older than what was quoted of it is closed for good by raising the
 * number, and a new one begins: two logs never share an origin (spec/proof.md §6).
 * @param options `known`: what others hold of any of this node's logs, see {@link newestWitnessed}
 * @param onClosed told why an earlier log was closed
 */
export async function openNumberedLog(
  numbers: LogNumbers,
  options: Omit<ReceiptLogOptions, 'log'>,
  onClosed: (reason: string) => void,
  signal?: AbortSignal,
): Promise<NumberedLog> {
  const quotedFile = join(options.dir, 'quoted.json')
  const open = async (number: number): Promise<NumberedLog> => {
    await mkdir(options.dir, { recursive: true, mode: 0o700 })
    const own = [readQuoted(quotedFile), ...(options.known ?? [])]
    const known = own.filter((checkpoint) => checkpoint?.log === number) as CheckpointSummary[]
    const log = await openReceiptLog({ ...options, log: number, known })
    return {
      log,
      async remember({ log, sequence, size, root }) {
        await writeFile(`${quotedFile}.new`, JSON.stringify({ log, sequence, size, root }), { flush: true })
        await rename(`${quotedFile}.new`, quotedFile)
      },
    }
  }
  const number = await numbers.logNumber(signal)
  if (!existsSync(join(options.dir, String(number)))) return open(await numbers.raiseLogNumber(signal))
  try {
    return await open(number)
  } catch (error) {
    if (!(error instanceof TeapotError) || !BEYOND_REPAIR.includes(error.code)) throw error
    onClosed(error.message)
    return open(await numbers.raiseLogNumber(signal))
  }
}

/** What cannot be read was not wholly written, and so not quoted. */
function readQuoted(file: string): CheckpointSummary | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
