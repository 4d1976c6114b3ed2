import { BATCH_HEAD, BATCH_TAIL } from './frames.ts'

/** Room for a checkpoint's protected header. */
const MAX_HEADER_BYTES = 512
const MIN_RECORD_BYTES = 1 << 14

/** Leaves that wait for the next checkpoint, already in the form of a journal record. */
export class Batch<Waiter> {
  record: Buffer
  /** Where the next leaf goes. */
  at = BATCH_HEAD
  /** Leaf hashes (latin1), in order. */
  readonly leaves: string[] = []
  /** Those who wait for the receipts. */
  readonly waiters: Waiter[] = []

  /** @param bytes how large the record will probably be */
  constructor(bytes = 0) {
    this.record = Buffer.allocUnsafeSlow(Math.max(bytes, MIN_RECORD_BYTES))
  }

  /** Makes room for a leaf of at most `bytes`, and for the end of the record. */
  reserve(bytes: number): void {
    const needed = this.at + bytes + BATCH_TAIL + MAX_HEADER_BYTES
    if (needed <= this.record.length) return
    const wider = Buffer.allocUnsafeSlow(Math.max(this.record.length * 2, needed))
    this.record.copy(wider, 0, 0, this.at)
    this.record = wider
  }
}
