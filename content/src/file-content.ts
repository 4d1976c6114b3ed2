import type { exporter, UnixFSEntry } from 'ipfs-unixfs-exporter'
import type { CID } from 'multiformats/cid'

/** A file over other blocks is at most so many of them deep: one of 1 GiB has depth 2. */
const MAX_DEPTH = 64

/** Gives the UnixFS entry of one block; `ipfs-unixfs-exporter` reads it. */
type OpenBlock = (cid: CID) => ReturnType<typeof exporter>

/** What a file, or a part of one, says it holds, in bytes; undefined when it is neither. */
export function sizeOf(entry: UnixFSEntry): bigint | undefined {
  if (entry.type === 'raw') return entry.size
  return entry.type === 'file' && /^(file|raw)$/.test(entry.unixfs.type) ? entry.unixfs.fileSize() : undefined
}

/**
 * A file's bytes in their order, a block at a time and no sooner than they are asked for: whoever reads slowly, or stops, holds one
 * block for each level and no more. Each part must hold what the block above it says, and one said to hold nothing is not opened: so
 * links that repeat by the million cost no more than the bytes they give (specs.ipfs.tech/unixfs §4.4).
 * @throws RangeError for parts that contradict, or are too deep; and what `open` throws
 */
export async function* fileContent(entry: UnixFSEntry, open: OpenBlock, depth = 0): AsyncGenerator<Uint8Array> {
  if (depth > MAX_DEPTH) throw new RangeError(`more than ${MAX_DEPTH} levels of blocks`)
  if (entry.type === 'raw') {
    yield entry.node
    return
  }
  if (entry.type !== 'file') throw new RangeError(`a part of type ${entry.type}`)
  const { data, blockSizes } = entry.unixfs
  const { Links } = entry.node
  if (Links.length !== blockSizes.length) throw new RangeError(`${blockSizes.length} sizes for ${Links.length} parts`)
  if (data !== undefined && data.length > 0) yield data
  for (const [index, { Hash }] of Links.entries()) {
    const claimed = blockSizes[index]!
    if (claimed === 0n) continue
    const part = await open(Hash)
    const found = sizeOf(part)
    if (found !== claimed) throw new RangeError(`a part of ${found} bytes, said to be ${claimed}`)
    yield* fileContent(part, open, depth + 1)
  }
}
