import {
  EMPTY_ROOT,
  fromHex,
  nodeHash,
  type SignedCheckpoint,
  TeapotError,
  verifyConsistency,
  verifyInclusion,
} from '@teapot-network/trust'
import { getBytes, type HttpOptions } from './http.ts'

/** What stands under a path relative to a log: `checkpoint`, or a tile. Rejects where there is none. */
export type LogSource = (path: string) => Promise<Uint8Array>
/** The tree that a checkpoint speaks of. Its signature is the caller's matter. */
export type Tree = Pick<SignedCheckpoint, 'size' | 'root'>

const HASH_BYTES = 32
const TILE_HEIGHT = 8
/** Hashes in a full tile. */
export const TILE_WIDTH = 2 ** TILE_HEIGHT
/** Leaves from `start` to before `end`. */
type Range = readonly [start: number, end: number]

/** A log over HTTP. @param base of a node, `<url>/v1/logs/<number>/`, or of a mirror */
export function httpLog(base: string, options: Omit<HttpOptions, 'limitBytes'>): LogSource {
  return (path) => getBytes(base + path, { ...options, limitBytes: TILE_WIDTH * HASH_BYTES })
}

/** Path of a tile (C2SP tlog-tiles). @param width hashes in it, 256 when it is full */
export function tilePath(level: number, index: number, width: number = TILE_WIDTH): string {
  const padded = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0')
  const partial = width === TILE_WIDTH ? '' : `.p/${width}`
  return `tile/${level}/${padded.replace(/\d{3}(?=\d)/g, 'x$&/')}${partial}`
}

/**
 * Proofs out of hash tiles (spec/proof.md §3.4). Nothing that the source gives is believed: each proof is held against the roots that it must lead
 * to, so that old or wrong tiles are found out. Methods throw `sdk/tiles-refused` with what is wrong.
 * @param size leaves of the tree that the source has tiles of; proofs are given for that tree and all before it
 */
export function readTiles(source: LogSource, size: number) {
  /** A tile as far as the tree fills it, its hashes not held against anything. A full one may have taken the place of a partial one. */
  async function tile(level: number, index: number): Promise<Uint8Array> {
    const width = Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH)
    const path = tilePath(level, index, width)
    const bytes = await source(path)
      .catch((cause: unknown) => (width === TILE_WIDTH ? missing(path, cause) : source(tilePath(level, index))))
      .catch((cause: unknown) => missing(path, cause))
    if (bytes.length !== width * HASH_BYTES && bytes.length !== TILE_WIDTH * HASH_BYTES) {
      throw refused(`expected ${width} hashes in ${path}, found ${bytes.length} bytes`)
    }
    return bytes.subarray(0, width * HASH_BYTES)
  }

  /** Roots over ranges as RFC 9162 cuts trees: each of whole nodes, falling in size. Every tile is read once. */
  async function rootsOver(ranges: Range[]): Promise<Uint8Array[]> {
    const tiles = new Map<string, Promise<Uint8Array>>()

    /** A whole node: `level` counts from the leaves, `index` from the left. */
    async function node(level: number, index: number): Promise<Uint8Array> {
      const across = 2 ** (level % TILE_HEIGHT)
      const [high, at] = [Math.floor(level / TILE_HEIGHT), index * across]
      const which = Math.floor(at / TILE_WIDTH)
      const read = tiles.get(`${high}/${which}`) ?? tile(high, which)
      tiles.set(`${high}/${which}`, read)
      const from = (at % TILE_WIDTH) * HASH_BYTES
      return foldWhole((await read).subarray(from, from + across * HASH_BYTES))
    }

    const rootOver = async ([start, end]: Range): Promise<Uint8Array> => {
      const nodes: Promise<Uint8Array>[] = []
      for (let at = start, level = 0; at < end; at += 2 ** level) {
        level = levelWithin(end - at)
        nodes.push(node(level, at / 2 ** level))
      }
      return (await Promise.all(nodes)).reduceRight((right, left) => nodeHash(left, right))
    }
    return Promise.all(ranges.map(rootOver))
  }

  function requireWithin(leaves: number): void {
    if (leaves > size) throw refused(`it has ${size} leaves, and ${leaves} are asked about; it is older than that`)
  }

  return {
    tile,

    /** The root over all leaves. */
    root: async (): Promise<Uint8Array> => (size === 0 ? EMPTY_ROOT : (await rootsOver([[0, size]]))[0]!),

    /** The path of a leaf, given by its hash, in a tree (RFC 9162 §2.1.3). */
    async inclusion(index: number, leaf: Uint8Array, tree: Tree): Promise<Uint8Array[]> {
      requireWithin(tree.size)
      if (index >= tree.size) throw refused(`leaf ${index} is not in a tree of ${tree.size}`)
      const path = await rootsOver(inclusionRanges(index, [0, tree.size]))
      if (verifyInclusion(index, tree.size, leaf, path, fromHex(tree.root))) return path
      throw refused(`leaf ${index} and its tiles do not lead to root ${tree.root} of ${tree.size} leaves`)
    },

    /** Shows one tree to be a prefix of the other (RFC 9162 §2.1.4). */
    async consistency(from: Tree, to: Tree): Promise<Uint8Array[]> {
      requireWithin(to.size)
      const needsPath = from.size > 0 && from.size < to.size
      const path = needsPath ? await rootsOver(consistencyRanges(from.size, [0, to.size], true)) : []
      if (verifyConsistency(from.size, fromHex(from.root), to.size, fromHex(to.root), path)) return path
      throw refused(`the tree of ${from.size} leaves is not shown to be a prefix of that of ${to.size}`)
    },
  }
}

/** The root of a full subtree from the hashes at its foot. */
export function foldWhole(foot: Uint8Array): Uint8Array {
  if (foot.length === HASH_BYTES) return foot
  const half = foot.length / 2
  return nodeHash(foldWhole(foot.subarray(0, half)), foldWhole(foot.subarray(half)))
}

/** RFC 9162 §2.1.3.1, PATH: siblings from the leaf upwards. */
function inclusionRanges(index: number, [start, end]: Range): Range[] {
  if (end - start === 1) return []
  const middle = start + 2 ** levelWithin(end - start - 1)
  return index < middle
    ? [...inclusionRanges(index, [start, middle]), [middle, end]]
    : [...inclusionRanges(index, [middle, end]), [start, middle]]
}

/** RFC 9162 §2.1.4.1, SUBPROOF, for the tree that ends before leaf `size`. */
function consistencyRanges(size: number, [start, end]: Range, isWhole: boolean): Range[] {
  if (size === end) return isWhole ? [] : [[start, end]]
  const middle = start + 2 ** levelWithin(end - start - 1)
  return size <= middle
    ? [...consistencyRanges(size, [start, middle], isWhole), [middle, end]]
    : [...consistencyRanges(size, [middle, end], false), [start, middle]]
}

/** Of the largest power of two up to `n`; logarithms are not exact enough for large sizes. */
function levelWithin(n: number): number {
  let level = 0
  while (2 ** (level + 1) <= n) level++
  return level
}

/** A source that is only away is not to blame. */
function missing(path: string, cause: unknown): never {
  if (cause instanceof TeapotError && (cause.kind === 'unavailable' || cause.code === 'sdk/tiles-refused')) throw cause
  throw refused(`${path} is not there: ${(cause as Error).message}`, cause)
}

/** This copy of the log is none. */
export function refused(what: string, cause?: unknown): TeapotError {
  return new TeapotError('sdk/tiles-refused', `Cannot use this copy of the log: ${what}; ask another mirror`, { cause })
}
