import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, leafHash, sha256, TeapotError, toHex, utf8 } from '@teapot-network/trust'
import { encodeCheckpoint, encodeCheckpointHeader, inclusionPath, treeRoot } from '@teapot-network/trust/encode'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { folderLog, mirrorLog } from './node/mirror.ts'
import { type LogSource, readTiles, tilePath } from './tiles.ts'

const MOST = 66_000
const leaves = Array.from({ length: MOST }, (_, i) => leafHash(utf8(`${i}`)))
/** The feet of all tiles, as the roots of the tiles below. */
const levels = [leaves]
while (levels.at(-1)!.length >= 256) {
  const below = levels.at(-1)!
  const whole = Math.floor(below.length / 256)
  levels.push(Array.from({ length: whole }, (_, i) => treeRoot(below.slice(i * 256, i * 256 + 256))))
}

/** A mirror of the first leaves: it has full tiles and the last partial ones. */
function mirrorOf(size: number, bend?: (path: string, bytes: Uint8Array) => Uint8Array): LogSource {
  const files = new Map<string, Uint8Array>()
  levels.forEach((all, level) => {
    const count = Math.floor(size / 256 ** level)
    for (let at = 0; at < count; at += 256) {
      const feet = all.slice(at, Math.min(at + 256, count))
      files.set(tilePath(level, at / 256, feet.length), new Uint8Array(Buffer.concat(feet)))
    }
  })
  return async (path) => {
    const bytes = files.get(path)
    if (!bytes) throw new TeapotError('mirror/none', 'no such file')
    return bend ? bend(path, bytes) : bytes
  }
}

const trees = new Map<number, { size: number; root: Hex }>()
function treeOf(size: number): { size: number; root: Hex } {
  const tree = trees.get(size) ?? { size, root: toHex(treeRoot(leaves.slice(0, size))) }
  trees.set(size, tree)
  return tree
}
const refusedWith = (text: string | RegExp) =>
  expect.objectContaining({ code: 'sdk/tiles-refused', message: expect.stringMatching(text) })

describe('proofs out of tiles', () => {
  test('are those of the log, at any size, also out of a later tree', async () => {
    const sizes = fc.tuple(fc.nat(700), fc.nat(700), fc.nat(700)).map((three) => three.sort((a, b) => a - b))
    const property = fc.asyncProperty(sizes, fc.nat(), async ([older, size, later], pick) => {
      const tiles = readTiles(mirrorOf(later!), later!)
      const [from, to] = [treeOf(older!), treeOf(size!)]
      expect(toHex(await tiles.root())).toBe(treeOf(later!).root)
      await tiles.consistency(from, to)
      if (size === 0) return
      const index = pick % size!
      expect(await tiles.inclusion(index, leaves[index]!, to)).toEqual(inclusionPath(leaves.slice(0, size), index))
    })
    await fc.assert(property, { numRuns: 60 })
  })
  test('reach over three levels of tiles', async () => {
    const tiles = readTiles(mirrorOf(MOST), MOST)
    const tree = treeOf(MOST)
    for (const index of [0, 65_535, 65_536, MOST - 1]) await tiles.inclusion(index, leaves[index]!, tree)
    await tiles.consistency(treeOf(65_600), tree)
  })
  test('take a full tile where the partial one is gone', async () => {
    const [before, now] = [mirrorOf(300), mirrorOf(512)]
    const tiles = readTiles((path) => (path.startsWith('tile/0') ? now(path) : before(path)), 300)
    expect(toHex(await tiles.root())).toBe(treeOf(300).root)
  })
})

describe('a mirror is refused, and why is said,', () => {
  const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
  test.each([
    ['that is older than the checkpoint', 600, 599, undefined, 'tile/0/002.p/88 is not there: no such file'],
    ['with a wrong tile', 600, 600, (_: string, b: Uint8Array) => flip(b, 40), 'do not lead to root 0x'],
    ['with a short tile', 600, 600, (_: string, b: Uint8Array) => b.subarray(32), 'expected 88 hashes'],
    ['with a long tile', 600, 600, (_: string, b: Uint8Array) => Buffer.concat([b, b]), 'found 5632 bytes'],
  ])('%s', async (_, size, has, bend, why) => {
    await expect(readTiles(mirrorOf(has, bend), size).inclusion(599, leaves[599]!, treeOf(size))).rejects.toThrow(
      refusedWith(why),
    )
  })
  test('that is asked beyond what it has, or for what cannot be shown', async () => {
    const tiles = readTiles(mirrorOf(300), 300)
    await expect(tiles.consistency(treeOf(10), treeOf(301))).rejects.toThrow(refusedWith('it is older than that'))
    await expect(tiles.consistency(treeOf(20), treeOf(10))).rejects.toThrow(
      refusedWith('the tree of 20 leaves is not shown'),
    )
    await expect(tiles.consistency({ size: 10, root: treeOf(11).root }, treeOf(20))).rejects.toThrow(
      refusedWith('prefix'),
    )
    await expect(tiles.inclusion(10, leaves[10]!, treeOf(10))).rejects.toThrow(refusedWith('not in a tree of 10'))
    await expect(tiles.inclusion(3, leaves[4]!, treeOf(10))).rejects.toThrow(refusedWith('leaf 3'))
  })
  test('by any wrong byte of any tile that a proof needs', async () => {
    const tree = treeOf(600)
    for (let at = 0; at < 88 * 32; at += 31) {
      const bend = (path: string, bytes: Uint8Array) => (path === 'tile/0/002.p/88' ? flip(bytes, at) : bytes)
      await expect(readTiles(mirrorOf(600, bend), 600).inclusion(0, leaves[0]!, tree)).rejects.toThrow(
        refusedWith('root'),
      )
    }
  })
  test('but one that gives no answer is only away', async () => {
    const away = new TeapotError('sdk/node-unreachable', 'away', { kind: 'unavailable' })
    await expect(readTiles(() => Promise.reject(away), 300).root()).rejects.toBe(away)
  })
})

describe('a mirror in a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'teapot-mirror-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const zero = toHex(sha256(utf8('')))
  const signedAt = (size: number, { root } = treeOf(size)) => {
    const header = { node: zero, log: 1, run: zero, sequence: size, size, previousRoot: zero }
    return encodeCheckpoint({ protectedBytes: encodeCheckpointHeader(header), root, signature: new Uint8Array(64) })
  }
  test('is copied as the log grows, and gives the same proofs', async () => {
    const asked: string[] = []
    const counting = (source: LogSource) => (path: string) => {
      asked.push(path)
      return source(path)
    }
    await mirrorLog(mirrorOf(300), signedAt(300), folder)
    await mirrorLog(counting(mirrorOf(MOST)), signedAt(MOST), folder)
    expect(asked).not.toContain('tile/0/000')
    const tiles = readTiles(folderLog(folder), MOST)
    await tiles.inclusion(7, leaves[7]!, treeOf(300))
    await tiles.consistency(treeOf(300), treeOf(MOST))
    expect(await folderLog(folder)('checkpoint')).toEqual(signedAt(MOST))
  })
  test.each([
    ['another root', 300, treeOf(299), undefined, 'tiles lead to root'],
    ['a wrong tile that its root does not tell', 65_600, undefined, 'tile/0/009', 'tile/0/009 does not lead'],
  ])('is not made of %s', async (_, size, tree, wrong, why) => {
    const other = join(folder, 'other')
    const bend = (path: string, bytes: Uint8Array) => (path === wrong ? bytes.map((byte) => byte ^ 1) : bytes)
    await expect(mirrorLog(mirrorOf(size, bend), signedAt(size, tree), other)).rejects.toThrow(refusedWith(why))
    await expect(folderLog(other)('checkpoint')).rejects.toThrow('ENOENT')
  })
})
