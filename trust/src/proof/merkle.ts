import { concatBytes, equalBytes } from '../bytes.ts'
import { sha256 } from '../digest.ts'
import { TeapotError } from '../teapot-error.ts'

/** Root of a tree without leaves: SHA-256 of the empty string (RFC 9162 §2.1.1). */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0))

/** Hash of a leaf: SHA-256(0x00 ‖ entry) (RFC 9162 §2.1.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(0), entry))
}

/** Hash of an inner node: SHA-256(0x01 ‖ left ‖ right) (RFC 9162 §2.1.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(1), left, right))
}

/**
 * The root that an inclusion proof leads to (RFC 9162 §2.1.3.2, spec/proof.md §3.3).
 * @param index of the leaf, from 0
 * @param size of the tree, in leaves
 * @param leaf the leaf's hash, not its entry
 * @param path 32-byte hashes from the leaf's sibling upwards
 * @throws TeapotError `proof/inclusion-malformed` when index, size and length of the path don't fit each other.
 */
export function rootFromInclusion(index: number, size: number, leaf: Uint8Array, path: Uint8Array[]): Uint8Array {
  requireSizes(index, size)
  requireHash(leaf)
  if (index >= size) throw inclusionMalformed(`leaf ${index} is outside a tree of ${size}`)
  let [node, last, hash] = [index, size - 1, leaf]
  for (const sibling of path) {
    requireHash(sibling)
    if (last === 0) throw inclusionMalformed('the path is too long')
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      hash = nodeHash(hash, sibling)
    }
    ;[node, last] = [half(node), half(last)]
  }
  if (last !== 0) throw inclusionMalformed('the path is too short')
  return hash
}

/** Whether `path` shows leaf hash `leaf` at `index` of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2). */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  path: Uint8Array[],
  root: Uint8Array,
): boolean {
  try {
    return equalBytes(rootFromInclusion(index, size, leaf, path), root)
  } catch (error) {
    if (error instanceof TeapotError) return false
    throw error
  }
}

/**
 * Whether the tree (size, root) is a prefix of the tree (newSize, newRoot) (RFC 9162 §2.1.4.2). Equal sizes need equal roots
 * and an empty path; size 0 is a prefix of everything, with an empty path.
 */
export function verifyConsistency(
  size: number,
  root: Uint8Array,
  newSize: number,
  newRoot: Uint8Array,
  path: Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(newSize) || size < 0 || newSize < size) return false
  if (path.some((hash) => hash.length !== 32)) return false
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) return false
  if (size === newSize) return path.length === 0 && equalBytes(root, newRoot)
  if (size === 0) return path.length === 0
  const steps = isPowerOfTwo(size) ? [root, ...path] : path
  if (steps.length === 0) return false
  let [node, last] = [size - 1, newSize - 1]
  while (node % 2 === 1) [node, last] = [half(node), half(last)]
  let [before, after] = [steps[0]!, steps[0]!]
  for (const step of steps.slice(1)) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      before = nodeHash(step, before)
      after = nodeHash(step, after)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else {
      after = nodeHash(after, step)
    }
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equalBytes(before, root) && equalBytes(after, newRoot)
}

/** Sizes go beyond 2^32, where the bit operators of JavaScript stop. */
function half(n: number): number {
  return Math.floor(n / 2)
}

function isPowerOfTwo(n: number): boolean {
  while (n % 2 === 0) n /= 2
  return n === 1
}

function requireSizes(index: number, size: number): void {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0) {
    throw inclusionMalformed(`expected whole numbers, found leaf ${index} of ${size}`)
  }
}

function requireHash(hash: Uint8Array): void {
  if (hash.length !== 32) throw inclusionMalformed(`expected hashes of 32 bytes, found one of ${hash.length}`)
}

function inclusionMalformed(what: string): TeapotError {
  return new TeapotError('proof/inclusion-malformed', `Cannot follow the inclusion proof: ${what}`)
}
