import { TeapotError } from '@teapot-network/trust'

/** One block known to be on disk. */
export interface IndexedBlock {
  sizeBytes: number
  /** When its use was last noted on disk, ms since 1970. */
  touchedMs: number
}

/**
 * Which blocks are on disk, in order of use, and who needs them: the arithmetic of the quota (spec/content.md §3).
 * Holds no file and waits for nothing.
 */
export class BlockIndex {
  readonly quotaBytes: number
  readonly #blocks = new Map<string, IndexedBlock>()
  readonly #needed = new Map<string, number>()
  #usedBytes = 0

  constructor(quotaBytes: number) {
    this.quotaBytes = quotaBytes
  }

  /** Bytes on disk and bytes reserved for blocks being written. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Number of blocks on disk. */
  get size(): number {
    return this.#blocks.size
  }

  has(key: string): boolean {
    return this.#blocks.has(key)
  }

  keys(): string[] {
    return [...this.#blocks.keys()]
  }

  /** Bytes of all blocks that may not be evicted. */
  neededBytes(): number {
    let sum = 0
    for (const key of this.#needed.keys()) sum += this.#blocks.get(key)?.sizeBytes ?? 0
    return sum
  }

  /** Marks a block as the one used last. */
  use(key: string): IndexedBlock | undefined {
    const block = this.#blocks.get(key)
    if (block === undefined) return undefined
    this.#blocks.delete(key)
    this.#blocks.set(key, block)
    return block
  }

  /** Takes in a block found on disk. */
  adopt(key: string, block: IndexedBlock): void {
    this.#blocks.set(key, block)
    this.#usedBytes += block.sizeBytes
  }

  /** Takes in a block whose bytes were reserved. */
  commit(key: string, block: IndexedBlock): void {
    this.#blocks.set(key, block)
  }

  /** Forgets a block and frees its bytes. */
  forget(key: string): IndexedBlock | undefined {
    const block = this.#blocks.get(key)
    if (block === undefined) return undefined
    this.#blocks.delete(key)
    this.#usedBytes -= block.sizeBytes
    return block
  }

  /** Gives reserved bytes back. */
  release(sizeBytes: number): void {
    this.#usedBytes -= sizeBytes
  }

  /**
   * Reserves bytes; the least recently used blocks that nobody needs leave the index and are returned for deletion.
   * @throws TeapotError `content/quota-exceeded` when even without them there is no room; nothing leaves then
   */
  reserve(sizeBytes: number): [key: string, block: IndexedBlock][] {
    const victims: [string, IndexedBlock][] = []
    let excess = this.#usedBytes + sizeBytes - this.quotaBytes
    for (const [key, block] of this.#blocks) {
      if (excess <= 0) break
      if (this.#needed.has(key)) continue
      victims.push([key, block])
      excess -= block.sizeBytes
    }
    if (excess > 0 && sizeBytes > 0) {
      const message = `Cannot store ${sizeBytes} bytes: quota ${this.quotaBytes}, of which ${this.neededBytes()} are pinned or in use; unpin something or raise the quota`
      throw new TeapotError('content/quota-exceeded', message, { kind: 'unavailable' })
    }
    for (const [key] of victims) this.forget(key)
    this.#usedBytes += sizeBytes
    return victims
  }

  /** Counts one more reason to keep a block, present or not. */
  need(key: string): void {
    this.#needed.set(key, (this.#needed.get(key) ?? 0) + 1)
  }

  /** Takes one reason back. */
  unneed(key: string): void {
    const left = (this.#needed.get(key) ?? 0) - 1
    if (left > 0) this.#needed.set(key, left)
    else this.#needed.delete(key)
  }

  isNeeded(key: string): boolean {
    return this.#needed.has(key)
  }
}
