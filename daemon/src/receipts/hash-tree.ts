import { hash } from 'node:crypto'
import type { HashFiles } from './hash-files.ts'
import { logDamaged } from './log-errors.ts'
import { FULL_BYTES, HASH_BYTES, hashPair, TILE_HEIGHT, TILE_WIDTH, Tile } from './tile.ts'

const CACHED_TILES = 64
const MAX_LEVELS = 53
const POWER = Array.from({ length: MAX_LEVELS + 1 }, (_, i) => 2 ** i)
const EMPTY_ROOT = hash('sha256', '', 'latin1')

/**
 * The Merkle tree of a log (RFC 9162 §2.1), growing on the right. Memory holds the unfinished tile of each level and a few
 * recent ones; the rest is read from the {@link HashFiles}. Hashes travel as latin1 strings or stay in buffers.
 */
export class HashTree {
  size = 0
  readonly #files: HashFiles
  /** The unfinished tile of each level. */
  #edge: Tile[] = [new Tile()]
  readonly #recent = new Map<number, Tile>()
  /** Roots of what stands right of the whole nodes of each level, for the size last asked about. */
  readonly #rest = Buffer.alloc((MAX_LEVELS + 1) * HASH_BYTES)
  readonly #hasRest: boolean[] = []
  #restSize = -1
  readonly #pair = Buffer.alloc(2 * HASH_BYTES)

  constructor(files: HashFiles) {
    this.#files = files
  }

  /** The tree of `size` leaves whose hashes are on disk. @throws TeapotError `receipts/log-damaged` when some are missing. */
  static load(files: HashFiles, size: number): HashTree {
    const tree = new HashTree(files)
    tree.size = size
    for (let level = 0, total = size; level === 0 || total > 0; level++, total = Math.floor(total / TILE_WIDTH)) {
      tree.#edge[level] = Tile.from(tree.#read(level, Math.floor(total / TILE_WIDTH), total % TILE_WIDTH))
    }
    return tree
  }

  /** Appends a leaf by its hash. Tiles that fill up are written to disk. @throws the file system's error */
  append(leaf: string): void {
    this.size++
    for (let level = 0, foot: string | undefined = leaf; foot !== undefined; level++) {
      this.#edge[level] ??= new Tile()
      const tile = this.#edge[level]!
      foot = tile.push(foot)
      if (foot === undefined) break
      const index = Math.floor((this.size - 1) / TILE_WIDTH ** (level + 1))
      this.#files.write(level, index, tile.nodes)
      this.#remember(level, index, tile)
      this.#edge[level] = new Tile()
    }
  }

  /** Root over the first `size` leaves (latin1). */
  root(size: number = this.size): string {
    if (size === 0) return EMPTY_ROOT
    const top = this.#prepare(size)
    if (this.#hasRest[top]) return this.#rest.toString('latin1', top * HASH_BYTES, (top + 1) * HASH_BYTES)
    this.#copyNode(top, 0, this.#pair, 0)
    return this.#pair.toString('latin1', 0, HASH_BYTES)
  }

  /**
   * Writes the inclusion path of a leaf in the tree of `size` leaves (RFC 9162 §2.1.3.1), from its upper end downwards, so that what the paths
   * of neighbours share need not be written again.
   * @param end where the uppermost hash goes
   * @param stride distance from one hash to the next in `out`
   * @param neighbour another leaf, whose path of the same tree stands in `out`
   * @returns how many hashes the path has
   */
  path(index: number, size: number, out: Buffer, end: number, stride: number, neighbour?: number): number {
    let count = 0
    for (let level = this.#prepare(size) - 1, at = end; level >= 0; level--) {
      const own = Math.floor(index / POWER[level]!)
      const sibling = own % 2 === 0 ? own + 1 : own - 1
      const whole = Math.floor(size / POWER[level]!)
      if (sibling > whole || (sibling === whole && !this.#hasRest[level])) continue
      if (neighbour === undefined || own !== Math.floor(neighbour / POWER[level]!)) {
        if (sibling < whole) this.#copyNode(level, sibling, out, at)
        else this.#rest.copy(out, at, level * HASH_BYTES, (level + 1) * HASH_BYTES)
      }
      at -= stride
      count++
    }
    return count
  }

  /** Consistency proof from size `from` to size `to` (RFC 9162 §2.1.4.1). */
  consistency(from: number, to: number): Buffer[] {
    return from === 0 || from === to ? [] : this.#subproof(from, 0, to, true)
  }

  /** The first `width` hashes of a tile, as published (C2SP tlog-tiles); undefined when the tree has fewer. */
  tile(level: number, index: number, width: number): Buffer | undefined {
    const total = Math.floor(this.size / TILE_WIDTH ** level)
    if (width < 1 || width > TILE_WIDTH || index * TILE_WIDTH + width > total) return undefined
    return Buffer.from(
      this.#tile(level, index)
        .foot()
        .subarray(0, width * HASH_BYTES),
    )
  }

  /** Writes the unfinished tiles too, and makes all hashes durable. @throws the file system's error */
  persist(): void {
    this.#edge.forEach((tile, level) => {
      this.#files.write(level, Math.floor(this.size / TILE_WIDTH ** (level + 1)), tile.foot())
    })
    this.#files.sync()
  }

  /** Makes `#rest` fit a size; returns the level of the root. */
  #prepare(size: number): number {
    let level = 0
    if (this.#restSize === size) {
      while (POWER[level]! < size) level++
      return level
    }
    this.#restSize = size
    this.#hasRest[0] = false
    for (; POWER[level]! < size; level++) {
      const whole = Math.floor(size / POWER[level]!)
      const below = this.#hasRest[level] === true
      this.#hasRest[level + 1] = below || whole % 2 === 1
      if (whole % 2 === 1) {
        this.#copyNode(level, whole - 1, this.#pair, 0)
        this.#rest.copy(this.#pair, HASH_BYTES, level * HASH_BYTES, (level + 1) * HASH_BYTES)
        const up = below ? hashPair(this.#pair, 0) : this.#pair.toString('latin1', 0, HASH_BYTES)
        this.#rest.write(up, (level + 1) * HASH_BYTES, HASH_BYTES, 'latin1')
      } else if (below) {
        this.#rest.copy(this.#rest, (level + 1) * HASH_BYTES, level * HASH_BYTES, (level + 1) * HASH_BYTES)
      }
    }
    return level
  }

  #subproof(size: number, start: number, end: number, whole: boolean): Buffer[] {
    if (size === end - start) return whole ? [] : [this.#rangeRoot(start, end)]
    const left = largestPowerBelow(end - start)
    return size <= left
      ? [...this.#subproof(size, start, start + left, whole), this.#rangeRoot(start + left, end)]
      : [...this.#subproof(size - left, start + left, end, false), this.#rangeRoot(start, start + left)]
  }

  #rangeRoot(start: number, end: number): Buffer {
    const width = end - start
    const out = Buffer.alloc(HASH_BYTES)
    const level = POWER.indexOf(width)
    if (level >= 0) {
      this.#copyNode(level, start / width, out, 0)
      return out
    }
    const left = largestPowerBelow(width)
    const pair = Buffer.concat([this.#rangeRoot(start, start + left), this.#rangeRoot(start + left, end)])
    out.write(hashPair(pair, 0), 'latin1')
    return out
  }

  /** Copies a whole node: `level` counts from the leaves, `index` from the left. */
  #copyNode(level: number, index: number, out: Buffer, at: number): void {
    const height = level % TILE_HEIGHT
    const across = TILE_WIDTH >> height
    const tile = this.#tile((level - height) / TILE_HEIGHT, Math.floor(index / across))
    const from = Tile.at(height, index % across)
    tile.nodes.copy(out, at, from, from + HASH_BYTES)
  }

  #tile(level: number, index: number): Tile {
    if (index === Math.floor(this.size / TILE_WIDTH ** (level + 1))) return this.#edge[level]!
    const known = this.#recent.get(index * TILE_HEIGHT + level)
    if (known) return known
    const tile = new Tile(this.#read(level, index, FULL_BYTES / HASH_BYTES))
    this.#remember(level, index, tile)
    return tile
  }

  #read(level: number, index: number, count: number): Buffer {
    const nodes = this.#files.read(level, index, count)
    if (nodes.length === count * HASH_BYTES) return nodes
    throw logDamaged(`expected ${count} hashes in tile ${index} of hashes-${level}, found ${nodes.length / HASH_BYTES}`)
  }

  #remember(level: number, index: number, tile: Tile): void {
    this.#recent.set(index * TILE_HEIGHT + level, tile)
    if (this.#recent.size > CACHED_TILES) this.#recent.delete(this.#recent.keys().next().value!)
  }
}

function largestPowerBelow(n: number): number {
  let power = 1
  while (power * 2 < n) power *= 2
  return power
}
