import { hash } from 'node:crypto'

/** Levels of the Merkle tree in one tile, and the hashes at its foot (C2SP tlog-tiles). */
export const TILE_HEIGHT = 8
export const TILE_WIDTH = 256
export const HASH_BYTES = 32

const node = Buffer.alloc(1 + 2 * HASH_BYTES)
node[0] = 1

/**
 * SHA-256(0x01 ‖ left ‖ right) of two hashes that lie side by side at `at`, as latin1: the cheapest form in which a hash
 * comes out of OpenSSL and goes into a buffer.
 */
export function hashPair(pair: Buffer, at: number): string {
  pair.copy(node, 1, at, at + 2 * HASH_BYTES)
  return hash('sha256', node, 'latin1')
}

/** Bytes of a full tile with all nodes above its foot but its own root, which stands in the tile above. */
export const FULL_BYTES = (2 * TILE_WIDTH - 2) * HASH_BYTES

/** A subtree of height 8 that fills from the left: up to 256 hashes and, ready to be copied, all whole nodes above them. */
export class Tile {
  /** Hashes at the foot. */
  count: number
  readonly nodes: Buffer

  /** @param full the {@link FULL_BYTES} of a full tile; else it begins empty */
  constructor(full?: Buffer) {
    this.count = full ? TILE_WIDTH : 0
    this.nodes = full ?? Buffer.allocUnsafeSlow(FULL_BYTES)
  }

  /** Where the node stands in {@link nodes}; `height` 0 is the foot, 7 the highest. */
  static at(height: number, index: number): number {
    return (2 * TILE_WIDTH - ((2 * TILE_WIDTH) >> height) + index) * HASH_BYTES
  }

  /** Appends a hash (latin1); returns the tile's root once it is full. */
  push(foot: string): string | undefined {
    let index = this.count++
    this.nodes.write(foot, Tile.at(0, index), HASH_BYTES, 'latin1')
    for (let height = 0; index & 1; height++) {
      const parent = hashPair(this.nodes, Tile.at(height, index - 1))
      if (height + 1 === TILE_HEIGHT) return parent
      index >>= 1
      this.nodes.write(parent, Tile.at(height + 1, index), HASH_BYTES, 'latin1')
    }
    return undefined
  }

  /** The hashes at its foot, as a tile is stored and published. */
  foot(): Buffer {
    return this.nodes.subarray(0, this.count * HASH_BYTES)
  }

  /** A tile from stored hashes. */
  static from(foot: Buffer): Tile {
    const tile = new Tile()
    for (let at = 0; at < foot.length; at += HASH_BYTES) tile.push(foot.toString('latin1', at, at + HASH_BYTES))
    return tile
  }
}
