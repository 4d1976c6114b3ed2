import { EMPTY_ROOT, nodeHash } from './merkle.ts'

/** RFC 9162 §2.1.1, word by word: slow, and so simple that it can judge the others. Takes leaf hashes. */
export function rootOf(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length < 2) return leaves[0] ?? EMPTY_ROOT
  const k = split(leaves.length)
  return nodeHash(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

/** RFC 9162 §2.1.3.1. */
export function inclusionPath(index: number, leaves: Uint8Array[]): Uint8Array[] {
  if (leaves.length < 2) return []
  const k = split(leaves.length)
  return index < k
    ? [...inclusionPath(index, leaves.slice(0, k)), rootOf(leaves.slice(k))]
    : [...inclusionPath(index - k, leaves.slice(k)), rootOf(leaves.slice(0, k))]
}

/** RFC 9162 §2.1.4.1. */
export function consistencyPath(size: number, leaves: Uint8Array[], whole = true): Uint8Array[] {
  if (size === 0 || size === leaves.length) return whole ? [] : [rootOf(leaves)]
  const k = split(leaves.length)
  return size <= k
    ? [...consistencyPath(size, leaves.slice(0, k), whole), rootOf(leaves.slice(k))]
    : [...consistencyPath(size - k, leaves.slice(k), false), rootOf(leaves.slice(0, k))]
}

function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}
