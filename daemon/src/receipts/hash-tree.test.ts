import { createHash } from 'node:crypto'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { leafHash, verifyConsistency, verifyInclusion } from '@teapot-network/trust'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HashFiles } from './hash-files.ts'
import { HashTree } from './hash-tree.ts'
import { temporaryFolder } from './log.fixture.ts'
import { hashLeaf } from './recovery.ts'

let folder: ReturnType<typeof temporaryFolder>
let files: HashFiles
beforeEach(() => {
  folder = temporaryFolder()
  files = new HashFiles(folder.dir)
})
afterEach(() => {
  files[Symbol.dispose]()
  folder[Symbol.dispose]()
})

const entry = (i: number) => createHash('sha256').update(`entry ${i}`).digest()
const leaf = (i: number) => leafHash(createHash('sha256').update(entry(i)).digest())

/** RFC 9162 §2.1.1 over a range of leaves, word by word. */
function naiveRoot(from: number, to: number): Buffer {
  if (to - from === 1) return Buffer.from(leaf(from))
  let k = 1
  while (k * 2 < to - from) k *= 2
  const pair = [Buffer.of(1), naiveRoot(from, from + k), naiveRoot(from + k, to)]
  return createHash('sha256').update(Buffer.concat(pair)).digest()
}

function grow(tree: HashTree, to: number): void {
  while (tree.size < to) tree.append(hashLeaf(entry(tree.size)))
}

function pathOf(tree: HashTree, index: number, size: number): Buffer[] {
  const out = Buffer.alloc(64 * 32)
  const from = out.length - 32 * tree.path(index, size, out, out.length - 32, 32)
  return Array.from({ length: (out.length - from) / 32 }, (_, i) => out.subarray(from + i * 32, from + i * 32 + 32))
}

const rootAt = (tree: HashTree, size?: number) => Buffer.from(tree.root(size), 'latin1')

describe('the tree on disk', () => {
  it('has the root of RFC 9162 at every size', () => {
    const tree = new HashTree(files)
    expect(rootAt(tree)).toEqual(createHash('sha256').digest())
    for (let size = 1; size <= 600; size++) {
      grow(tree, size)
      if (size < 40 || size % 61 === 0 || size % 256 < 2) expect(rootAt(tree), `${size}`).toEqual(naiveRoot(0, size))
    }
  })
  it('shows any leaf in any size that it ever had', () => {
    const tree = new HashTree(files)
    grow(tree, 20_000)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.nat(), (size, m) => {
        const index = m % size
        expect(verifyInclusion(index, size, leaf(index), pathOf(tree, index, size), rootAt(tree, size))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
  it('shows any size to be a prefix of any later one', () => {
    const tree = new HashTree(files)
    grow(tree, 3000)
    fc.assert(
      fc.property(fc.nat(3000), fc.nat(3000), (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)]
        expect(verifyConsistency(from, rootAt(tree, from), to, rootAt(tree, to), tree.consistency(from, to))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
  it('goes on from what it wrote, at whatever size', () => {
    for (const size of [0, 1, 255, 256, 257, 512, 700, 65_537]) {
      using own = temporaryFolder()
      using hashes = new HashFiles(own.dir)
      const tree = new HashTree(hashes)
      grow(tree, size)
      tree.persist()
      using again = new HashFiles(own.dir)
      const loaded = HashTree.load(again, size)
      expect(loaded.root()).toBe(tree.root())
      grow(tree, size + 300)
      grow(loaded, size + 300)
      expect(loaded.root()).toBe(tree.root())
      expect(pathOf(loaded, size, size + 300)).toEqual(pathOf(tree, size, size + 300))
    }
  })
  it('keeps in memory only what is recent', () => {
    const tree = new HashTree(files)
    for (let i = 0; i < 200 * 256; i++) tree.append(String(i).padStart(32))
    const read = vi.spyOn(files, 'read')
    // From the newest on, so that what is read again displaces none that is still to be asked for.
    for (let index = 199; index >= 0; index--) expect(tree.tile(0, index, 256)).toHaveLength(256 * 32)
    expect(read).toHaveBeenCalledTimes(200 - 64)
  })
  it('publishes tiles that rebuild the root', () => {
    const tree = new HashTree(files)
    grow(tree, 256 * 3)
    const roots = tree.tile(1, 0, 3)!
    expect(roots.subarray(32, 64)).toEqual(naiveRoot(256, 512))
    expect(tree.tile(0, 1, 256)!.subarray(0, 32)).toEqual(Buffer.from(leaf(256)))
  })
  it('refuses hash files that are cut short', () => {
    const tree = new HashTree(files)
    grow(tree, 700)
    tree.persist()
    truncateSync(join(folder.dir, 'hashes-0'), 600 * 32)
    expect(() => HashTree.load(files, 700)).toThrow(expect.objectContaining({ code: 'receipts/log-damaged' }))
  })
})
