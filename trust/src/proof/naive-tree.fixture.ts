import { treeRoot } from './tree.ts'

/** RFC 9162 §2.1.4.1, word by word: slow, and so simple that it can judge the others. Takes leaf hashes. */
export function consistencyPath(size: number, leaves: Uint8Array[], whole = true): Uint8Array[] {
  if (size === 0 || size === leaves.length) return whole ? [] : [treeRoot(leaves)]
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return size <= k
    ? [...consistencyPath(size, leaves.slice(0, k), whole), treeRoot(leaves.slice(k))]
    : [...consistencyPath(size - k, leaves.slice(k), false), treeRoot(leaves.slice(0, k))]
}
