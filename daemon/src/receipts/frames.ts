import { type CheckpointHeader, parseCheckpointHeader, TeapotError } from '@teapot-network/trust'

/**
 * The journal's records. Each is a four-byte mark, the length of its body as u32, and the body; integers are big-endian.
 * `TPK1`: the receiptKey of a run, 65 bytes. `TPB1`: one checkpoint and the leaves that came with it:
 * count u32 ‖ count × (length of claims u16 ‖ salt 16 ‖ claims) ‖ root 32 ‖ signature 64 ‖ length u16 ‖ protected header.
 */
export const MARK = { key: 0x54504b31, batch: 0x54504231 } as const
/** Mark and length. */
export const FRAME_HEAD = 8
/** Where the first leaf of a batch stands. */
export const BATCH_HEAD = FRAME_HEAD + 4
/** Root, signature and length of the header. */
export const BATCH_TAIL = 32 + 64 + 2
/** Length of the claims, and the salt. */
export const LEAF_HEAD = 2 + 16
const KEY_BYTES = 65

/** A leaf as the journal keeps it: where its salt begins and where its claims end. */
export interface LeafSpan {
  start: number
  end: number
}

/** One record, read. Byte strings are views into the journal's bytes. */
export type Frame = { offset: number; end: number } & (
  | { kind: 'key'; key: Buffer }
  | {
      kind: 'batch'
      leaves: LeafSpan[]
      root: Buffer
      signature: Buffer
      protectedBytes: Buffer
      header: CheckpointHeader
    }
)
/** A batch among {@link Frame}s. */
export type BatchFrame = Extract<Frame, { kind: 'batch' }>

/** The record at `offset`, or undefined when no whole one stands there. */
export function readFrame(journal: Buffer, offset: number): Frame | undefined {
  if (journal.length - offset < FRAME_HEAD) return undefined
  const mark = journal.readUInt32BE(offset)
  const length = journal.readUInt32BE(offset + 4)
  const end = offset + FRAME_HEAD + length
  if (end > journal.length) return undefined
  if (mark === MARK.key && length === KEY_BYTES) {
    return { kind: 'key', offset, end, key: journal.subarray(offset + FRAME_HEAD, end) }
  }
  return mark === MARK.batch ? readBatch(journal, offset, end) : undefined
}

/** Completes a batch whose leaves were written from {@link BATCH_HEAD} to `at`. @returns where the record ends */
export function finishBatch(
  record: Buffer,
  at: number,
  batch: { count: number; root: Buffer; signature: Buffer; protectedBytes: Uint8Array },
): number {
  at += batch.root.copy(record, at)
  at += batch.signature.copy(record, at)
  at = record.writeUInt16BE(batch.protectedBytes.length, at)
  record.set(batch.protectedBytes, at)
  at += batch.protectedBytes.length
  record.writeUInt32BE(MARK.batch, 0)
  record.writeUInt32BE(at - FRAME_HEAD, 4)
  record.writeUInt32BE(batch.count, FRAME_HEAD)
  return at
}

/** The record of a run's key. @param key uncompressed P-256 point */
export function keyFrame(key: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD)
  head.writeUInt32BE(MARK.key, 0)
  head.writeUInt32BE(key.length, 4)
  return Buffer.concat([head, key])
}

function readBatch(journal: Buffer, offset: number, end: number): BatchFrame | undefined {
  if (end - offset < BATCH_HEAD + BATCH_TAIL) return undefined
  const count = journal.readUInt32BE(offset + FRAME_HEAD)
  const leaves: LeafSpan[] = []
  let at = offset + BATCH_HEAD
  for (let i = 0; i < count; i++) {
    if (end - at < LEAF_HEAD) return undefined
    const leaf = { start: at + 2, end: at + LEAF_HEAD + journal.readUInt16BE(at) }
    leaves.push(leaf)
    at = leaf.end
  }
  if (end - at < BATCH_TAIL || at + BATCH_TAIL + journal.readUInt16BE(at + BATCH_TAIL - 2) !== end) return undefined
  const root = journal.subarray(at, at + 32)
  const signature = journal.subarray(at + 32, at + 96)
  const protectedBytes = journal.subarray(at + BATCH_TAIL, end)
  const header = readHeader(protectedBytes)
  return header && { kind: 'batch', offset, end, leaves, root, signature, protectedBytes, header }
}

function readHeader(bytes: Buffer): CheckpointHeader | undefined {
  try {
    return parseCheckpointHeader(bytes)
  } catch (error) {
    if (error instanceof TeapotError) return undefined
    throw error
  }
}
