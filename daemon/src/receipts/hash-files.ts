import { closeSync, constants, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { orFail } from './log-errors.ts'
import { HASH_BYTES, TILE_WIDTH } from './tile.ts'

const TILE_BYTES = TILE_WIDTH * HASH_BYTES

/**
 * The hashes of a log on disk, one file for each level of tiles: tile n of level l begins at byte 8192·n of `hashes-l`.
 * What is written becomes durable by {@link sync}; until then the journal can restore it.
 */
export class HashFiles implements Disposable {
  readonly #dir: string
  readonly #files = new Map<number, number>()

  constructor(dir: string) {
    this.#dir = dir
  }

  /** Writes the hashes that a tile has so far. @throws the file system's error */
  write(level: number, tile: number, foot: Buffer): void {
    let done = 0
    while (done < foot.length) {
      done += writeSync(this.#file(level), foot, done, foot.length - done, tile * TILE_BYTES + done)
    }
  }

  /** The first `width` hashes of a tile; fewer when the file ends early. */
  read(level: number, tile: number, width: number): Buffer {
    const foot = Buffer.allocUnsafeSlow(width * HASH_BYTES)
    const length = readSync(this.#file(level), foot, 0, foot.length, tile * TILE_BYTES)
    return foot.subarray(0, length - (length % HASH_BYTES))
  }

  /** Makes durable what was written. @throws TeapotError `receipts/log-failed` */
  sync(): void {
    for (const file of this.#files.values()) orFail(() => fdatasyncSync(file))
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) closeSync(file)
    this.#files.clear()
  }

  #file(level: number): number {
    let file = this.#files.get(level)
    if (file === undefined) {
      file = openSync(join(this.#dir, `hashes-${level}`), constants.O_RDWR | constants.O_CREAT, 0o600)
      this.#files.set(level, file)
    }
    return file
  }
}
