import { open, readFile, rename } from 'node:fs/promises'
import { type Digest, TeapotError } from '@teapot-network/trust'

/** A block that a follower has passed. */
export interface Passed {
  number: number
  hash: Digest
}

/** What a follower keeps: the blocks it passed last, oldest first; the last one is the cursor. */
export interface Cursor {
  /** Chain and contract it belongs to. */
  source: string
  passed: Passed[]
}

/**
 * Reads a cursor; `undefined` if there is no file yet.
 * @throws TeapotError `ledger/cursor-malformed`, also when it belongs to another deployment
 */
export async function readCursor(file: string, source: string): Promise<Cursor | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return parseCursor(text, source)
  } catch (cause) {
    const message = `Cannot read the cursor ${file}: ${(cause as Error).message}. Delete the file to follow from the beginning.`
    throw new TeapotError('ledger/cursor-malformed', message, { cause })
  }
}

/** Replaces the file in one step: after a crash it holds the old cursor or the new one, whole. */
export async function writeCursor(file: string, cursor: Cursor): Promise<void> {
  const next = `${file}.next`
  const handle = await open(next, 'w')
  try {
    await handle.writeFile(JSON.stringify(cursor))
    await handle.datasync()
  } finally {
    await handle.close()
  }
  await rename(next, file)
}

function parseCursor(text: string, source: string): Cursor {
  const value = JSON.parse(text) as Partial<Cursor> | null
  if (value?.source !== source) throw new RangeError(`expected one of ${source}, found ${value?.source}`)
  if (!Array.isArray(value.passed)) throw new RangeError('expected a list of blocks')
  let last = -1
  for (const block of value.passed as (Partial<Passed> | null)[]) {
    const { number, hash } = block ?? {}
    const fits =
      Number.isSafeInteger(number) && number! > last && typeof hash === 'string' && /^0x[0-9a-f]{64}$/.test(hash)
    if (!fits) throw new RangeError(`expected blocks in ascending order, found ${JSON.stringify(block)}`)
    last = number!
  }
  return { source, passed: value.passed }
}
