import { readFile } from 'node:fs/promises'
import { type CheckpointSummary, type Digest, type NodeId, TeapotError, toHex } from '@teapot-network/trust'
import { encodeCheckpoint, encodeCheckpointHeader } from '@teapot-network/trust/encode'
import type { Batch } from './batch.ts'
import { type BatchFrame, finishBatch, keyFrame, readFrame } from './frames.ts'
import { HashFiles } from './hash-files.ts'
import type { HashTree } from './hash-tree.ts'
import { Journal } from './journal.ts'
import { logDamaged } from './log-errors.ts'
import { recover } from './recovery.ts'
import { createSegment, type Segment } from './segment.ts'

/** Who signs, and for which log. */
export interface LogSigner {
  node: NodeId
  log: number
  run: Digest
  /** Uncompressed P-256 point of the run's receiptKey. */
  point: Buffer
  sign(protectedBytes: Uint8Array, root: Uint8Array): Buffer
}

/** The last durable checkpoint. */
export interface LogHead extends CheckpointSummary {
  /** COSE_Sign1 with the root as payload. */
  signed: Uint8Array
}

/** A checkpoint that was signed and written. */
export interface Sealed {
  size: number
  root: Buffer
  sequence: number
  protectedBytes: Uint8Array
  signature: Buffer
}

/** One log on disk: journal, hash files and the tree over them. Every error of the file system passes through. */
export class LogStore implements Disposable {
  readonly tree: HashTree
  readonly #dir: string
  readonly #signer: LogSigner
  readonly #files: HashFiles
  readonly #segments: Segment[]
  #journal: Journal
  /** For each batch of the current segment: the size of the tree with it, and where its record begins and ends. */
  #batches: { size: number; offset: number; end: number }[]
  #last: CheckpointSummary
  #sequence: number

  /** Recovers the log. @throws TeapotError `receipts/log-damaged` */
  constructor(dir: string, signer: LogSigner) {
    this.#dir = dir
    this.#signer = signer
    this.#files = new HashFiles(dir)
    try {
      const found = recover(dir, this.#files, signer)
      this.tree = found.tree
      this.#segments = found.segments
      this.#batches = found.batches.map(({ header, offset, end }) => ({ size: header.size, offset, end }))
      this.#last = {
        log: signer.log,
        sequence: found.sequence,
        size: found.tree.size,
        root: toHex(found.root),
      }
      // The checkpoint that was cut off had a number and a signature; no other may ever bear that number.
      this.#sequence = found.sequence + (found.torn ? 1 : 0)
      this.#journal = new Journal(found.segments.at(-1)!.path, found.end)
      const last = found.batches.at(-1)
      if (last) this.#journal.rewrite(last.offset, last.end)
    } catch (error) {
      this.#files[Symbol.dispose]()
      throw error
    }
  }

  /** The last checkpoint written, durable or not. */
  get last(): CheckpointSummary {
    return this.#last
  }

  /** The highest sequence number ever signed. */
  get sequence(): number {
    return this.#sequence
  }

  /** Numbers go on above this one. */
  skipTo(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence)
  }

  /** Tells the journal whose signatures follow. */
  beginRun(): void {
    const frame = keyFrame(this.#signer.point)
    this.#journal.append(frame, frame.length)
  }

  /** Appends a batch to the tree, signs the checkpoint and writes both; durable after {@link sync}. */
  seal(batch: Batch<unknown>): Sealed {
    for (const leaf of batch.leaves) this.tree.append(leaf)
    const { node, log, run } = this.#signer
    const { size } = this.tree
    const root = Buffer.from(this.tree.root(), 'latin1')
    const sequence = ++this.#sequence
    const protectedBytes = encodeCheckpointHeader({ node, log, run, sequence, size, previousRoot: this.#last.root })
    const signature = this.#signer.sign(protectedBytes, root)
    batch.reserve(0)
    const end = finishBatch(batch.record, batch.at, { count: batch.leaves.length, root, signature, protectedBytes })
    const offset = this.#journal.append(batch.record, end)
    this.#batches.push({ size, offset, end: offset + end })
    this.#last = { log, sequence, size, root: toHex(root) }
    return { size, root, sequence, protectedBytes, signature }
  }

  /** Makes durable what was written, off the main thread. */
  sync(done: (error: Error | null) => void): void {
    this.#journal.sync(done)
  }

  /** Goes on in a new segment once the current one is full. Everything written must be durable. */
  roll(segmentBytes: number): void {
    if (this.#journal.offset < segmentBytes) return
    this.tree.persist()
    const { sequence, size, root } = this.#last
    const start = { sequence, size, root: Buffer.from(root.slice(2), 'hex'), key: this.#signer.point }
    const segment = createSegment(this.#dir, this.#segments.length, start)
    this.#journal[Symbol.dispose]()
    this.#journal = new Journal(segment.path, segment.bodyOffset)
    this.#segments.push(segment)
    this.#batches = []
  }

  /**
   * The first checkpoint over at least `size` leaves, with those that came with it, and the bytes that it points into. It must be on disk.
   * @throws TeapotError `receipts/log-damaged`
   */
  async find(size: number, signal?: AbortSignal): Promise<{ batch: BatchFrame; bytes: Buffer }> {
    const segment = this.#segments.findLast(({ start }) => start.size < size) ?? this.#segments[0]!
    if (segment === this.#segments.at(-1)) {
      const { offset, end } = this.#batches[firstOf(this.#batches, size)]!
      const bytes = this.#journal.read(offset, end)
      const batch = readFrame(bytes, 0)
      if (batch?.kind === 'batch') return { batch, bytes }
    } else {
      const bytes = await readFile(segment.path, { signal })
      for (let frame = readFrame(bytes, segment.bodyOffset); frame; frame = readFrame(bytes, frame.end)) {
        if (frame.kind === 'batch' && frame.header.size >= size) return { batch: frame, bytes }
      }
    }
    throw logDamaged(`no checkpoint of ${size} leaves is in ${segment.path}`)
  }

  /** @throws TeapotError `receipts/log-behind` when the log doesn't contain this checkpoint */
  requireContains(known: CheckpointSummary): void {
    const { size } = this.tree
    const root = known.size <= size ? toHex(Buffer.from(this.tree.root(known.size), 'latin1')) : undefined
    if (known.log === this.#signer.log && known.sequence <= this.#sequence && root === known.root) return
    throw new TeapotError(
      'receipts/log-behind',
      `Cannot go on with receipt log ${this.#signer.log}: expected it to contain checkpoint ${known.sequence} ` +
        `(size ${known.size}), found it at ${this.#sequence} (size ${size}); it was lost or restored, raise the log number`,
      { kind: 'fault' },
    )
  }

  /** A checkpoint with its signature, as it is published. */
  static headOf(sealed: Sealed, log: number): LogHead {
    const { size, sequence } = sealed
    const root = toHex(sealed.root)
    const { protectedBytes, signature } = sealed
    return {
      ...{ log, sequence, size, root },
      get signed() {
        return encodeCheckpoint({ protectedBytes, signature, root })
      },
    }
  }

  [Symbol.dispose](): void {
    this.#journal[Symbol.dispose]()
    this.#files[Symbol.dispose]()
  }
}

/** Position of the first batch whose tree has at least `size` leaves. */
function firstOf(batches: { size: number }[], size: number): number {
  let [low, high] = [0, batches.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (batches[middle]!.size >= size) high = middle
    else low = middle + 1
  }
  return low
}
