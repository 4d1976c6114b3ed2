import { closeSync, fdatasync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { isDiskFull } from './log-errors.ts'

const AHEAD_BYTES = 1 << 20
const ZEROS = Buffer.alloc(AHEAD_BYTES)

/** The segment that is being written. Space is filled with zeros ahead, so that a sync finds no new blocks to account for. */
export class Journal implements Disposable {
  #file: number
  #ahead = ZEROS.length
  #filled: number
  /** Where the next record goes. */
  offset: number

  /** Opens a segment at the end of its last good record; what stands behind is cut off. @throws the file system's error */
  constructor(path: string, offset: number) {
    this.#file = openSync(path, 'r+')
    this.offset = offset
    this.#filled = offset
    ftruncateSync(this.#file, offset)
  }

  /** Writes a record. Not durable before {@link sync}. @returns where it stands @throws the file system's error */
  append(record: Buffer, length: number): number {
    const at = this.offset
    this.#write(record, length, at)
    this.offset += length
    if (this.offset > this.#filled && this.#ahead > 0) this.#fillAhead()
    return at
  }

  /** Makes all that was written durable, off the main thread. */
  sync(done: (error: Error | null) => void): void {
    fdatasync(this.#file, done)
  }

  /** Reads back part of the segment. */
  read(from: number, end: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(end - from)
    return bytes.subarray(0, readSync(this.#file, bytes, 0, bytes.length, from))
  }

  /** Writes once more what stands there: after a sync that failed, memory may hold it and the disk not. */
  rewrite(from: number, end: number): void {
    this.#write(this.read(from, end), end - from, from)
  }

  [Symbol.dispose](): void {
    if (this.#file >= 0) closeSync(this.#file)
    this.#file = -1
  }

  /** Where there is no room to fill, there may still be some to write: it is given back, and filling stops. */
  #fillAhead(): void {
    try {
      this.#write(ZEROS, this.#ahead, this.offset)
      this.#filled = this.offset + this.#ahead
    } catch (error) {
      if (!isDiskFull(error)) throw error
      ftruncateSync(this.#file, this.offset)
      this.#ahead = 0
    }
  }

  #write(bytes: Buffer, length: number, at: number): void {
    let done = 0
    while (done < length) done += writeSync(this.#file, bytes, done, length - done, at + done)
  }
}
