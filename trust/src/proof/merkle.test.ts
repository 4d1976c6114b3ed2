import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, sha256, toHex } from '../index.ts'
import { EMPTY_ROOT, leafHash, rootFromInclusion, verifyConsistency, verifyInclusion } from './merkle.ts'
import { consistencyPath } from './naive-tree.fixture.ts'
import { inclusionPath, treeRoot } from './tree.ts'

/** Leaves and roots that Certificate Transparency implementations test with (RFC 6962, RFC 9162). */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const known = LEAVES.map((leaf) => leafHash(fromHex(`0x${leaf}`)))
const hashes = (n: number) => Array.from({ length: n }, (_, i) => leafHash(Uint8Array.of(i >> 8, i)))
const flip = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte))

describe('the Merkle tree', () => {
  it.each(ROOTS.map((root, size) => [size, root] as const))('of %i known leaves has the known root', (size, root) => {
    expect(toHex(treeRoot(known.slice(0, size)))).toBe(`0x${root}`)
    for (let i = 0; i < size; i++) {
      const path = inclusionPath(known.slice(0, size), i)
      expect(toHex(rootFromInclusion(i, size, known[i]!, path))).toBe(`0x${root}`)
    }
  })
  it('has the hash of nothing as the root of no leaves', () => {
    expect(EMPTY_ROOT).toEqual(sha256(new Uint8Array()))
  })
  it('shows every leaf of every size, and no leaf at another place or size', () => {
    for (let size = 1; size <= 34; size++) {
      const leaves = hashes(size)
      const root = treeRoot(leaves)
      leaves.forEach((leaf, i) => {
        const path = inclusionPath(leaves, i)
        expect(verifyInclusion(i, size, leaf, path, root)).toBe(true)
        const other = (i + 1) % size
        if (other !== i) expect(verifyInclusion(other, size, leaf, path, root)).toBe(false)
        expect(verifyInclusion(i, size, flip(leaf), path, root)).toBe(false)
        expect(verifyInclusion(i, size, leaf, [...path, leaf], root)).toBe(false)
        if (path.length > 0) expect(verifyInclusion(i, size, leaf, path.slice(1), root)).toBe(false)
        if (path.length > 0) expect(verifyInclusion(i, size, leaf, path.slice(0, -1), root)).toBe(false)
      })
    }
  })
  it('refuses a path with any hash changed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), fc.nat(), (size, m, at) => {
        const leaves = hashes(size)
        const [index, root] = [m % size, treeRoot(leaves)]
        const path = inclusionPath(leaves, index)
        const changed = path.map((hash, i) => (i === at % path.length ? flip(hash) : hash))
        expect(verifyInclusion(index, size, leaves[index]!, changed, root)).toBe(false)
      }),
      { numRuns: 50 },
    )
  })
  it.each<[string, number, number]>([
    ['an index beyond the tree', 3, 3],
    ['an index below nothing', -1, 3],
    ['a broken index', 0.5, 3],
    ['a size past what a number holds', 0, 2 ** 60],
    ['no tree at all', 0, 0],
  ])('refuses %s', (_, index, size) => {
    expect(() => rootFromInclusion(index, size, known[0]!, [])).toThrow(
      expect.objectContaining({ code: 'proof/inclusion-malformed' }),
    )
    expect(verifyInclusion(index, size, known[0]!, [], known[0]!)).toBe(false)
  })
  it('refuses hashes of another length than 32', () => {
    const root = treeRoot(known.slice(0, 2))
    expect(verifyInclusion(0, 2, known[0]!, [known[1]!.subarray(0, 31)], root)).toBe(false)
    expect(verifyConsistency(1, known[0]!, 2, root, [new Uint8Array(33)])).toBe(false)
    expect(verifyInclusion(0, 1, new Uint8Array(0), [], new Uint8Array(0))).toBe(false)
  })
  it('reaches past 2^32 leaves', () => {
    const [size, index] = [2 ** 33 + 1, 2 ** 33]
    const below = sha256(known[0]!)
    expect(rootFromInclusion(index, size, known[1]!, [below])).toHaveLength(32)
    expect(() => rootFromInclusion(0, size, known[1]!, [below])).toThrow()
  })
})

describe('a consistency proof', () => {
  it('shows every size to be a prefix of every later one', () => {
    const leaves = hashes(40)
    const roots = leaves.map((_, i) => treeRoot(leaves.slice(0, i)))
    for (let to = 0; to < 40; to++) {
      for (let from = 0; from <= to; from++) {
        const path = consistencyPath(from, leaves.slice(0, to))
        expect(verifyConsistency(from, roots[from]!, to, roots[to]!, path), `${from} to ${to}`).toBe(true)
        if (from === 0) continue
        expect(verifyConsistency(from, flip(roots[from]!), to, roots[to]!, path)).toBe(false)
        expect(verifyConsistency(from, roots[from]!, to, flip(roots[to]!), path)).toBe(false)
        expect(verifyConsistency(from, roots[from]!, to, roots[to]!, [...path, roots[0]!])).toBe(false)
        for (let i = 0; i < path.length; i++) {
          expect(verifyConsistency(from, roots[from]!, to, roots[to]!, path.toSpliced(i, 1))).toBe(false)
        }
      }
    }
  })
  it('never leads backwards or from a root that was not there', () => {
    const leaves = hashes(8)
    const root = treeRoot(leaves)
    expect(verifyConsistency(8, root, 4, treeRoot(leaves.slice(0, 4)), [])).toBe(false)
    expect(verifyConsistency(0, root, 8, root, [])).toBe(false)
    expect(verifyConsistency(0, root, 0, root, [])).toBe(false)
    expect(verifyConsistency(-1, root, 8, root, [])).toBe(false)
    expect(verifyConsistency(3, root, 3, treeRoot(leaves.slice(0, 3)), [])).toBe(false)
  })
})
