import { closeSync, constants, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { orFail } from './log-errors.ts'
import { HASH_BYTES, TILE_WIDTH } from './tile.ts'

const STRIDE = 2 * TILE_WIDTH * HASH_BYTES

/**
 * The hashes of a log on disk, one file for each level of tiles: tile n of level l begins at byte 16384·n of `hashes-l`. Behind the foot of a
 * full one stand the nodes above it, so that no proof has to hash them anew.
 * What is written becomes durable by {@link sync}; until then the journal can restore it.
 */
export class HashFiles implements Disposable {
  readonly #dir: string
  readonly #files = new Map<number, number>()

  constructor(dir: string) {
    this.#dir = dir
  }

  /** Writes what a tile has so far: its foot, or all nodes of a full one. @throws the file system's error */
  write(level: number, tile: number, nodes: Buffer): void {
    let done = 0
    while (done < nodes.length) {
      done += writeSync(this.#file(level), nodes, done, nodes.length - done, tile * STRIDE + done)
    }
  }

  /** The first `count` hashes of a tile and of the nodes above it; fewer when the file ends early. */
  read(level: number, tile: number, count: number): Buffer {
    const nodes = Buffer.allocUnsafeSlow(count * HASH_BYTES)
    const length = readSync(this.#file(level), nodes, 0, nodes.length, tile * STRIDE)
    return nodes.subarray(0, length - (length % HASH_BYTES))
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
