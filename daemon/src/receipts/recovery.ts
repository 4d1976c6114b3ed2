import { hash } from 'node:crypto'
import type { NodeId } from '@teapot-network/trust'
import { checkpointHolds } from './checkpoint-key.ts'
import { type BatchFrame, type Frame, MARK, readFrame } from './frames.ts'
import type { HashFiles } from './hash-files.ts'
import { HashTree } from './hash-tree.ts'
import { logDamaged } from './log-errors.ts'
import { createSegment, listSegments, readSegmentBytes, type Segment } from './segment.ts'

const EMPTY_ROOT = hash('sha256', '', 'buffer')
const leafInput = Buffer.alloc(33)

/** Whose log it is. */
export interface Origin {
  node: NodeId
  log: number
}

/** A log as found on disk. */
export interface Recovered {
  tree: HashTree
  segments: Segment[]
  /** The batches of the last segment. */
  batches: BatchFrame[]
  /** Where the last segment's last good record ends. */
  end: number
  /** Sequence and root of the last checkpoint. */
  sequence: number
  root: Buffer
  /** Whether something unfinished follows: a batch that was never released. */
  torn: boolean
}

/**
 * Reads the log in `dir`, or begins one: the hash files as of the last segment's beginning, then that segment's batches.
 * The last batch may be unfinished, as none is released before it is durable; anything else that doesn't fit is damage.
 * @throws TeapotError `receipts/log-damaged`
 */
export function recover(dir: string, files: HashFiles, origin: Origin): Recovered {
  const segments = listSegments(dir)
  if (segments.length === 0) {
    segments.push(createSegment(dir, 0, { sequence: 0, size: 0, root: EMPTY_ROOT, key: null }))
  }
  const segment = segments.at(-1)!
  const bytes = readSegmentBytes(segment)
  const frames = wholeFrames(bytes, segment.bodyOffset)
  const attempt = (count: number) => replay(files, segment, bytes, frames.slice(0, count), origin)
  const result = attempt(frames.length) ?? attempt(frames.length - 1)
  if (!result) throw logDamaged(`the last records of ${segment.path} don't follow from each other`)
  const torn = !isZero(bytes, result.end)
  if (torn) refuseLaterBatch(bytes, result.end, result.sequence, segment, origin)
  return { ...result, segments, torn }
}

/** SHA-256(0x00 ‖ leaf input) of a salt and the claims behind it (latin1). */
export function hashLeaf(saltAndClaims: Uint8Array): string {
  leafInput.write(hash('sha256', saltAndClaims, 'latin1'), 1, 32, 'latin1')
  return hash('sha256', leafInput, 'latin1')
}

function wholeFrames(bytes: Buffer, at: number): Frame[] {
  const frames: Frame[] = []
  for (let frame = readFrame(bytes, at); frame !== undefined; frame = readFrame(bytes, frame.end)) frames.push(frame)
  return frames
}

function lastIsSigned(frames: Frame[], key: Buffer | null): boolean {
  const last = frames.findLastIndex((frame) => frame.kind === 'batch')
  if (last < 0) return true
  const signer = frames.slice(0, last).findLast((frame) => frame.kind === 'key')?.key ?? key
  return signer !== null && checkpointHolds(signer, frames[last] as BatchFrame)
}

/** Rebuilds the tree from these records; undefined when the last one doesn't fit or isn't signed. */
function replay(files: HashFiles, segment: Segment, bytes: Buffer, frames: Frame[], origin: Origin) {
  if (!lastIsSigned(frames, segment.start.key)) return undefined
  const tree = HashTree.load(files, segment.start.size)
  let { sequence, root } = segment.start
  if (tree.root() !== root.toString('latin1')) throw logDamaged(`the hash files are not those of ${segment.path}`)
  const batches: BatchFrame[] = []
  for (const frame of frames) {
    if (frame.kind === 'key') continue
    for (const { start, end } of frame.leaves) tree.append(hashLeaf(bytes.subarray(start, end)))
    if (!follows(frame, { sequence, root }, tree, origin)) {
      if (frame === frames.at(-1)) return undefined
      throw logDamaged(`the record at byte ${frame.offset} of ${segment.path} doesn't follow from the one before`)
    }
    sequence = frame.header.sequence
    root = frame.root
    batches.push(frame)
  }
  return { tree, batches, sequence, root, end: frames.at(-1)?.end ?? segment.bodyOffset }
}

function follows(
  batch: BatchFrame,
  before: { sequence: number; root: Buffer },
  tree: HashTree,
  origin: Origin,
): boolean {
  const { header, root } = batch
  return (
    isOurs(batch, origin) &&
    header.sequence > before.sequence &&
    header.size === tree.size &&
    header.previousRoot === `0x${before.root.toString('hex')}` &&
    tree.root() === root.toString('latin1')
  )
}

function isOurs({ header }: BatchFrame, origin: Origin): boolean {
  return header.node === origin.node && header.log === origin.log
}

function isZero(bytes: Buffer, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

/** A whole later batch behind a bad one means that the bad one had been durable, and perhaps released: not ours to cut off. */
function refuseLaterBatch(bytes: Buffer, end: number, sequence: number, segment: Segment, origin: Origin): void {
  const mark = Buffer.alloc(4)
  mark.writeUInt32BE(MARK.batch)
  for (let at = bytes.indexOf(mark, end + 1); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    const frame = readFrame(bytes, at)
    if (frame?.kind === 'batch' && isOurs(frame, origin) && frame.header.sequence > sequence) {
      throw logDamaged(`the record at byte ${end} of ${segment.path} is broken but a later one is whole`)
    }
  }
}
