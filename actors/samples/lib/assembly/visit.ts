import { Result } from '@wapc/as-guest'
import { addToKey, writeLog } from './wascc'

/** A name that was greeted, and how often so far. */
export class Visit {
  name: string
  count: i32

  constructor(name: string, count: i32) {
    this.name = name
    this.count = count
  }
}

const LONGEST_NAME_BYTES = 256

/** Reads a name, and counts and logs its visit. */
export function receive(payload: ArrayBuffer): Result<Visit> {
  if (payload.byteLength == 0 || payload.byteLength > LONGEST_NAME_BYTES)
    return Result.error<Visit>(
      new Error(`Expected a name of 1 to ${LONGEST_NAME_BYTES} bytes, found ${payload.byteLength}`),
    )
  const name = String.UTF8.decode(payload)
  const count = addToKey(`visits/${name}`, 1)
  if (!count.isOk) return Result.error<Visit>(count.error()!)
  writeLog(`greeted ${name}, visit ${count.get()}`)
  return Result.ok(new Visit(name, count.get()))
}
