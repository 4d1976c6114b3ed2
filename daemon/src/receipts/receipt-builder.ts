import { writeHead } from './claims-template.ts'
import type { HashTree } from './hash-tree.ts'
import { HASH_BYTES } from './tile.ts'

/** A hash in CBOR: two bytes of head. */
const STRIDE = 2 + HASH_BYTES
const MAX_PATH = 53
/** Unprotected header up to the inclusion proof: {396: {-1: [bstr …]}}. */
const PROOFS = Buffer.from('a119018ca12081', 'hex')
/** Null payload and the head of the signature. */
const DETACHED = Buffer.from('f65840', 'hex')
const OVERHEAD = 2 + 3 + PROOFS.length + 3 + 1 + 9 + 9 + 2 + DETACHED.length + 64

/** Writes the receipts of one checkpoint: equal to `encodeReceipt` byte by byte, at the cost of copying. */
export class ReceiptBuilder {
  readonly #path = Buffer.alloc(MAX_PATH * STRIDE)
  readonly #head = Buffer.alloc(32)
  /** Of which leaf, tree and size the path stands in {@link #path}. */
  #last: { index: number; size: number; tree: HashTree } | undefined

  constructor() {
    for (let at = 0; at < this.#path.length; at += STRIDE) this.#path.writeUInt16BE(0x5820, at)
  }

  /** An upper bound of the bytes of one receipt in a tree of this size. */
  static sizeOf(size: number, protectedBytes: Uint8Array): number {
    return OVERHEAD + protectedBytes.length + Math.ceil(Math.log2(Math.max(size, 2))) * STRIDE
  }

  /**
   * Writes the receipt of leaf `index` under a checkpoint of `size` leaves.
   * @returns where it ends
   */
  write(
    out: Buffer,
    at: number,
    tree: HashTree,
    index: number,
    checkpoint: { size: number; protectedBytes: Uint8Array; signature: Uint8Array },
  ): number {
    const { size, protectedBytes, signature } = checkpoint
    const last = this.#last
    this.#last = undefined
    const neighbour = last?.size === size && last.tree === tree ? last.index : undefined
    const hashes = tree.path(index, size, this.#path, this.#path.length - HASH_BYTES, STRIDE, neighbour)
    this.#last = { index, size, tree }
    let head = writeHead(this.#head, 0, 4, 3)
    head = writeHead(this.#head, head, 0, size)
    head = writeHead(this.#head, head, 0, index)
    head = writeHead(this.#head, head, 4, hashes)
    at = out.writeUInt16BE(0xd284, at)
    at = writeHead(out, at, 2, protectedBytes.length)
    out.set(protectedBytes, at)
    at += protectedBytes.length
    at += PROOFS.copy(out, at)
    at = writeHead(out, at, 2, head + hashes * STRIDE)
    at += this.#head.copy(out, at, 0, head)
    at += this.#path.copy(out, at, this.#path.length - hashes * STRIDE)
    at += DETACHED.copy(out, at)
    out.set(signature, at)
    return at + signature.length
  }
}
