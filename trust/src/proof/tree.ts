import { EMPTY_ROOT, nodeHash } from './merkle.ts'

/** Root of a tree with these leaf hashes (RFC 9162 §2.1.1). For trees that fit in memory; a node's log has its own. */
export function treeRoot(leafHashes: Uint8Array[]): Uint8Array {
  if (leafHashes.length < 2) return leafHashes[0] ?? EMPTY_ROOT
  const k = split(leafHashes.length)
  return nodeHash(treeRoot(leafHashes.slice(0, k)), treeRoot(leafHashes.slice(k)))
}

/** The way from the leaf at `index` to the root, from its sibling upwards (RFC 9162 §2.1.3.1). */
export function inclusionPath(leafHashes: Uint8Array[], index: number): Uint8Array[] {
  if (leafHashes.length < 2) return []
  const k = split(leafHashes.length)
  return index < k
    ? [...inclusionPath(leafHashes.slice(0, k), index), treeRoot(leafHashes.slice(k))]
    : [...inclusionPath(leafHashes.slice(k), index - k), treeRoot(leafHashes.slice(0, k))]
}

/** The largest power of two below `n`, which is at least 2. */
function split(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1))
}
