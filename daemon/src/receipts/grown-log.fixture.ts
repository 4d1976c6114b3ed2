import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { HashFiles } from './hash-files.ts'
import { HashTree } from './hash-tree.ts'
import { newRun, type Run } from './log.fixture.ts'
import { createSegment } from './segment.ts'

/** The folder of a log of that many leaves, made without results: its hash files, and a segment that begins behind them. */
export function grownLog(dir: string, leaves: number): Run {
  const folder = join(dir, '1')
  mkdirSync(folder, { recursive: true })
  using files = new HashFiles(folder)
  const tree = new HashTree(files)
  const leaf = Buffer.alloc(32, 7)
  while (tree.size < leaves) {
    leaf.writeUInt32BE(tree.size)
    tree.append(leaf.toString('latin1'))
  }
  tree.persist()
  createSegment(folder, 0, { sequence: 1, size: leaves, root: Buffer.from(tree.root(), 'latin1'), key: null })
  return newRun(dir)
}

/** How long inclusion paths of that log take, of leaves that lie anywhere in it, in microseconds. */
export function inclusionMicros(dir: string, leaves: number, proofs: number): number[] {
  using files = new HashFiles(join(dir, '1'))
  const tree = HashTree.load(files, leaves)
  const out = Buffer.alloc(64 * 32)
  tree.path(0, leaves, out, 63 * 32, 32)
  return Array.from({ length: proofs }, (_, i) => {
    const began = performance.now()
    tree.path((i * 7_654_321) % leaves, leaves, out, 63 * 32, 32)
    return (performance.now() - began) * 1000
  })
}
