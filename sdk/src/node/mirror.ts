import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { equalBytes, parseCheckpoint, toHex } from '@teapot-network/trust'
import { foldWhole, type LogSource, readTiles, refused, TILE_WIDTH, tilePath } from '../tiles.ts'

/** A mirror in a folder. */
export function folderLog(folder: string): LogSource {
  return async (path) => new Uint8Array(await readFile(join(folder, path)))
}

/**
 * Copies the hash tiles under a checkpoint into a folder that any web server can serve (C2SP tlog-tiles). What is there stays; each new full tile
 * is held against the hash above it, all others against the root, before anything is written. The checkpoint comes last.
 * @param signed the checkpoint as published; whether the node's key signed it is the caller's matter
 * @throws TeapotError `sdk/tiles-refused` where the tiles are not those of the checkpoint
 */
export async function mirrorLog(source: LogSource, signed: Uint8Array, folder: string): Promise<void> {
  const { size, root } = parseCheckpoint(signed)
  // What the root was computed from is not asked for again: a second answer could be another.
  const edge = new Map<string, Promise<Uint8Array>>()
  let isEdge = true
  const once: LogSource = (path) => {
    const read = edge.get(path) ?? source(path)
    if (isEdge) edge.set(path, read)
    return read
  }
  const [theirs, ours] = [readTiles(once, size), readTiles(folderLog(folder), size)]
  const found = toHex(await theirs.root())
  isEdge = false
  if (found !== root) throw refused(`its tiles lead to root ${found}, and the checkpoint's is ${root}`)
  const counts = [size]
  while (counts.at(-1)! >= TILE_WIDTH) counts.push(Math.floor(counts.at(-1)! / TILE_WIDTH))
  for (const [level, count] of [...counts.entries()].reverse()) {
    for (let index = 0; index * TILE_WIDTH < count; index++) {
      const width = Math.min(TILE_WIDTH, count - index * TILE_WIDTH)
      const path = tilePath(level, index, width)
      if (await stat(join(folder, path)).catch(() => undefined)) continue
      const tile = await theirs.tile(level, index)
      if (width === TILE_WIDTH) {
        const above = await ours.tile(level + 1, Math.floor(index / TILE_WIDTH))
        const at = (index % TILE_WIDTH) * 32
        const leads = equalBytes(foldWhole(tile), above.subarray(at, at + 32))
        if (!leads) throw refused(`${path} does not lead to its hash in the tile above`)
      }
      await write(join(folder, path), tile)
    }
  }
  await write(join(folder, 'checkpoint'), signed)
}

async function write(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.new`, bytes)
  await rename(`${file}.new`, file)
}
