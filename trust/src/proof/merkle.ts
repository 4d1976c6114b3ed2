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
  const root = follow(index, size, leaf, path)
  if (root) return root
  throw new TeapotError(
    'proof/inclusion-malformed',
    `Cannot follow the inclusion proof: expected the hashes from leaf ${index} to the root of ${size}, found ${path.length} others`,
  )
}

/** Whether `path` shows leaf hash `leaf` at `index` of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2). */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  path: Uint8Array[],
  root: Uint8Array,
): boolean {
  const found = follow(index, size, leaf, path)
  return found !== undefined && equalBytes(found, root)
}

function follow(index: number, size: number, hash: Uint8Array, path: Uint8Array[]): Uint8Array | undefined {
  if (!areSizes(index, size) || index === size || !areHashes([hash, ...path])) return undefined
  const fits = climb(index, size - 1, path, (sibling, isLeft) => {
    hash = isLeft ? nodeHash(sibling, hash) : nodeHash(hash, sibling)
  })
  return fits ? hash : undefined
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
  if (!areSizes(size, newSize) || !areHashes(path)) return false
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) return false
  if (size === newSize) return path.length === 0 && equalBytes(root, newRoot)
  if (size === 0) return path.length === 0
  const steps = isPowerOfTwo(size) ? [root, ...path] : path
  if (steps.length === 0) return false
  let [node, last] = [size - 1, newSize - 1]
  while (node % 2 === 1) [node, last] = [half(node), half(last)]
  let [before, after] = [steps[0]!, steps[0]!]
  const fits = climb(node, last, steps.slice(1), (step, isLeft) => {
    if (isLeft) before = nodeHash(step, before)
    after = isLeft ? nodeHash(step, after) : nodeHash(after, step)
  })
  return fits && equalBytes(before, root) && equalBytes(after, newRoot)
}

/** Takes a path step by step, each with a sibling to the left or to the right; whether it ends at the root. */
function climb(node: number, last: number, path: Uint8Array[], step: (sibling: Uint8Array, isLeft: boolean) => void) {
  for (const sibling of path) {
    if (last === 0) return false
    const isLeft = node % 2 === 1 || node === last
    step(sibling, isLeft)
    if (isLeft) while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0
}

/** Sizes go beyond 2^32, where the bit operators of JavaScript stop. */
function half(n: number): number {
  return Math.floor(n / 2)
}

function isPowerOfTwo(n: number): boolean {
  while (n % 2 === 0) n /= 2
  return n === 1
}

function areSizes(least: number, most: number): boolean {
  return Number.isSafeInteger(least) && Number.isSafeInteger(most) && least >= 0 && least <= most
}

function areHashes(hashes: Uint8Array[]): boolean {
  return hashes.every(({ length }) => length === 32)
}
