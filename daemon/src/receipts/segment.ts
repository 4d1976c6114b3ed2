import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, readSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { decodeCbor, encodeCbor, shapeOf } from '@teapot-network/trust'
import { logDamaged, orFail } from './log-errors.ts'

const MAGIC = Buffer.from('TPS1')
const MAX_HEADER_BYTES = 512
const shape = shapeOf('receipts/log-damaged', 'receipt log segment')

/** The state of the log at the beginning of a segment: what came before is durable in the hash files. */
export interface SegmentStart {
  sequence: number
  size: number
  root: Buffer
  /** receiptKey of the last checkpoint before, as a point; null at the log's beginning. */
  key: Buffer | null
}

/** One file of the journal. */
export interface Segment {
  number: number
  path: string
  start: SegmentStart
  /** Where its first record stands. */
  bodyOffset: number
}

/** The segments in a folder, in order. @throws TeapotError `receipts/log-damaged` when one is missing or has no header. */
export function listSegments(dir: string): Segment[] {
  const names = readdirSync(dir).filter((name) => /^segment-\d{8}$/.test(name))
  return names.sort().map((name, i) => {
    if (name !== nameOf(i)) throw logDamaged(`expected ${nameOf(i)} in ${dir}, found ${name}`)
    return readSegment(join(dir, name), i)
  })
}

/** Creates a segment so that it is there whole or not at all. @throws the file system's error */
export function createSegment(dir: string, number: number, start: SegmentStart): Segment {
  const path = join(dir, nameOf(number))
  const header = encodeCbor([start.sequence, start.size, start.root, start.key])
  const length = Buffer.alloc(2)
  length.writeUInt16BE(header.length)
  const draft = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeSync(draft, Buffer.concat([MAGIC, length, header]))
    fsyncSync(draft)
  } finally {
    closeSync(draft)
  }
  renameSync(`${path}.new`, path)
  syncFolder(dir)
  return { number, path, start, bodyOffset: MAGIC.length + 2 + header.length }
}

/** Makes names in a folder durable. @throws TeapotError `receipts/log-failed` */
export function syncFolder(dir: string): void {
  const folder = openSync(dir, 'r')
  try {
    orFail(() => fsyncSync(folder))
  } finally {
    closeSync(folder)
  }
}

/** All bytes of a segment, its header included. */
export function readSegmentBytes(segment: Segment): Buffer {
  return readFileSync(segment.path)
}

function nameOf(number: number): string {
  return `segment-${String(number).padStart(8, '0')}`
}

function readSegment(path: string, number: number): Segment {
  const head = Buffer.alloc(MAX_HEADER_BYTES)
  const file = openSync(path, 'r')
  let length: number
  try {
    length = readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  const bodyOffset = MAGIC.length + 2 + head.readUInt16BE(MAGIC.length)
  if (!head.subarray(0, 4).equals(MAGIC) || bodyOffset > length) throw logDamaged(`${path} has no header`)
  try {
    return { number, path, start: parseStart(head.subarray(6, bodyOffset)), bodyOffset }
  } catch (cause) {
    throw logDamaged(`the header of ${path} is not readable`, cause)
  }
}

function parseStart(header: Buffer): SegmentStart {
  const [sequence, size, root, key] = shape.array(decodeCbor(header), 'header', 4)
  return {
    sequence: shape.uint(sequence, 'sequence'),
    size: shape.uint(size, 'size'),
    root: Buffer.from(shape.bytes(root, 'root', 32)),
    key: key === null ? null : Buffer.from(shape.bytes(key, 'key', 65)),
  }
}
