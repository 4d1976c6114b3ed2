import type { WasiContext } from './context.ts'
import type { Descriptor, DirectoryDescriptor, FileDescriptor } from './descriptors.ts'
import { Errno, refuse } from './errno.ts'
import { FILE_TYPE, setTimes, writeFilestat } from './filestat.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { Layout } from './layout.ts'
import { Right } from './rights.ts'

/** Buffers of one read or write (POSIX IOV_MAX). */
const MAX_VECTORS = 1024
const APPEND = 1
const KNOWN_FLAGS = 31
const MAX_ADVICE = 5
const LAST_RIGHT_BIT = 30n

/**
 * The functions on descriptors of WASI preview 1 (wasi_snapshot_preview1.witx, `fd_*`). Each checks the place of its result
 * before it does anything.
 */
export function fdCalls(context: WasiContext, layout: Layout) {
  const { memory } = context
  const file = (fd: number, rights: number) => context.descriptors.file(fd, rights)
  return {
    fd_advise(fd: number, _offset: bigint, _length: bigint, advice: number): void {
      file(fd, Right.fdAdvise)
      if (advice >>> 0 > MAX_ADVICE) refuse(Errno.inval)
    },
    fd_allocate(fd: number, offset: bigint, length: bigint): void {
      const { node } = file(fd, Right.fdAllocate)
      const size = fileOffset(offset) + fileOffset(length)
      if (length === 0n) refuse(Errno.inval)
      if (size > node.size) context.tree!.resize(node, size)
    },
    fd_close: (fd: number): void => context.descriptors.close(fd),
    fd_datasync: (fd: number): void => void context.descriptors.any(fd, Right.fdDatasync),
    fd_sync: (fd: number): void => void context.descriptors.any(fd, Right.fdSync),
    fd_fdstat_get(fd: number, at: number): void {
      const found = context.descriptors.get(fd)
      memory.bytes(at, 24).fill(0)
      const start = at >>> 0
      memory.setU8(start, FILE_TYPE[found.kind])
      memory.setU16(start + 2, found.flags)
      memory.setU64(start + 8, BigInt(found.rights))
      memory.setU64(start + 16, BigInt(found.inheriting))
    },
    fd_fdstat_set_flags(fd: number, flags: number): void {
      if ((flags & ~KNOWN_FLAGS) !== 0) refuse(Errno.inval)
      context.descriptors.any(fd, Right.fdFdstatSetFlags).flags = flags
    },
    fd_fdstat_set_rights(fd: number, base: bigint, inheriting: bigint): void {
      const found = context.descriptors.get(fd)
      const [rights, inherited] = [knownRights(base), knownRights(inheriting)]
      if ((rights & ~found.rights) !== 0 || (inherited & ~found.inheriting) !== 0) refuse(Errno.notcapable)
      found.rights = rights
      found.inheriting = inherited
    },
    fd_filestat_get(fd: number, at: number): void {
      const found = context.descriptors.any(fd, Right.fdFilestatGet)
      writeFilestat(memory, at, layout, isNode(found) ? found.node : undefined)
    },
    fd_filestat_set_size: (fd: number, size: bigint): void =>
      context.tree!.resize(file(fd, Right.fdFilestatSetSize).node, fileOffset(size)),
    fd_filestat_set_times(fd: number, accessed: bigint, modified: bigint, flags: number): void {
      const found = context.descriptors.any(fd, Right.fdFilestatSetTimes)
      if (isNode(found)) setTimes(context.tree!, found.node, accessed, modified, flags)
    },
    fd_pread(fd: number, at: number, count: number, offset: bigint, result: number): void {
      const { node } = file(fd, Right.fdRead | Right.fdSeek)
      memory.range(result, 4)
      const content = node.data.subarray(0, node.size)
      memory.setU32(result, scatter(context, at, count, content, fileOffset(offset)))
    },
    fd_prestat_get(fd: number, at: number): void {
      const { preopen } = preopened(context, fd)
      memory.setU64(at, 0n)
      memory.setU32((at >>> 0) + 4, preopen.length)
    },
    fd_prestat_dir_name(fd: number, at: number, length: number): void {
      const { preopen } = preopened(context, fd)
      if (length >>> 0 < preopen.length) refuse(Errno.nametoolong)
      memory.bytes(at, preopen.length).set(Buffer.from(preopen))
    },
    fd_pwrite(fd: number, at: number, count: number, offset: bigint, result: number): void {
      const found = file(fd, Right.fdWrite | Right.fdSeek)
      memory.range(result, 4)
      memory.setU32(result, store(context, found, at, count, fileOffset(offset)))
    },
    fd_read(fd: number, at: number, count: number, result: number): void {
      memory.range(result, 4)
      memory.setU32(result, read(context, fd, at, count))
    },
    fd_readdir(fd: number, at: number, length: number, cookie: bigint, result: number): void {
      const { node } = context.descriptors.directory(fd, Right.fdReaddir)
      memory.range(result, 4)
      memory.setU32(result, listDirectory(context, node, memory.view(at, length), cookie))
    },
    fd_renumber: (from: number, to: number): void => context.descriptors.renumber(from, to),
    fd_seek(fd: number, delta: bigint, whence: number, result: number): void {
      const from = layout.whence[whence >>> 0]
      const found = file(fd, from === 'cur' && delta === 0n ? 0 : Right.fdSeek)
      if (!(found.rights & (Right.fdSeek | Right.fdTell))) refuse(Errno.notcapable)
      if (from === undefined) refuse(Errno.inval)
      const start = { set: 0, cur: found.offset, end: found.node.size }[from]
      const offset = BigInt(start) + delta
      if (offset < 0n) refuse(Errno.inval)
      memory.setU64(result, offset)
      found.offset = fileOffset(offset)
    },
    fd_tell(fd: number, result: number): void {
      const found = file(fd, 0)
      if (!(found.rights & (Right.fdSeek | Right.fdTell))) refuse(Errno.notcapable)
      memory.setU64(result, BigInt(found.offset))
    },
    fd_write(fd: number, at: number, count: number, result: number): void {
      memory.range(result, 4)
      memory.setU32(result, write(context, fd, at, count))
    },
  }
}

/** Rights as a guest gives them. @throws Refused notcapable for a bit that is no right of ours */
function knownRights(rights: bigint): number {
  const unsigned = BigInt.asUintN(64, rights)
  return unsigned >> LAST_RIGHT_BIT === 0n ? Number(unsigned) : refuse(Errno.notcapable)
}

/** An offset or size as a guest gives it: u64. @throws Refused fbig for one that no file could have */
export function fileOffset(value: bigint): number {
  const unsigned = BigInt.asUintN(64, value)
  return unsigned <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(unsigned) : refuse(Errno.fbig)
}

function isNode(found: Descriptor): found is FileDescriptor | DirectoryDescriptor {
  return found.kind === 'file' || found.kind === 'directory'
}

function preopened(context: WasiContext, fd: number): { preopen: string } {
  const found = context.descriptors.get(fd)
  if (found.kind !== 'directory' || found.preopen === undefined) refuse(Errno.badf)
  return { preopen: found.preopen }
}

function read(context: WasiContext, fd: number, at: number, count: number): number {
  const stream = context.descriptors.get(fd)
  if (stream.kind === 'stdin') {
    context.descriptors.any(fd, Right.fdRead)
    const moved = scatter(context, at, count, context.stdin, context.inputRead)
    context.inputRead += moved
    return moved
  }
  if (stream.kind === 'stdout' || stream.kind === 'stderr') refuse(Errno.notcapable)
  const found = context.descriptors.file(fd, Right.fdRead)
  const moved = scatter(context, at, count, found.node.data.subarray(0, found.node.size), found.offset)
  found.offset += moved
  return moved
}

function write(context: WasiContext, fd: number, at: number, count: number): number {
  const stream = context.descriptors.any(fd, Right.fdWrite)
  if (stream.kind === 'stdout' || stream.kind === 'stderr') {
    const put = stream.kind === 'stdout' ? context.stdout : context.stderr
    return eachVector(context.memory, at, count, (bytes) => {
      context.charge(bytes.length)
      put(bytes)
      return bytes.length
    })
  }
  const found = context.descriptors.file(fd, Right.fdWrite)
  if (found.flags & APPEND) found.offset = found.node.size
  const moved = store(context, found, at, count, found.offset)
  found.offset += moved
  return moved
}

function store(context: WasiContext, found: FileDescriptor, at: number, count: number, offset: number): number {
  let wanted = 0
  const written = eachVector(context.memory, at, count, (bytes, before) => {
    wanted += bytes.length
    context.charge(bytes.length)
    return context.tree!.write(found.node, offset + before, bytes)
  })
  return written === 0 && wanted > 0 ? refuse(Errno.nospc) : written
}

/** Fills the guest's buffers from `source`, from an offset on. @returns bytes moved */
function scatter(context: WasiContext, at: number, count: number, source: Uint8Array, offset: number): number {
  return eachVector(context.memory, at, count, (into, before) => {
    const part = source.subarray(offset + before, offset + before + into.length)
    context.charge(part.length)
    into.set(part)
    return part.length
  })
}

/**
 * Visits a guest's buffers until one is not used up; all of them are checked first.
 * @param visit gets a buffer and the bytes moved so far; returns how many it moved
 * @returns bytes moved
 * @throws Refused fault, inval
 */
function eachVector(
  memory: GuestMemory,
  at: number,
  count: number,
  visit: (bytes: Uint8Array, before: number) => number,
): number {
  if (count >>> 0 > MAX_VECTORS) refuse(Errno.inval)
  const start = memory.range(at, 8 * (count >>> 0))
  const buffers: Uint8Array[] = []
  for (let i = start; i < start + 8 * (count >>> 0); i += 8) buffers.push(memory.view(memory.u32(i), memory.u32(i + 4)))
  let moved = 0
  for (const buffer of buffers) {
    const used = visit(buffer, moved)
    moved += used
    if (used < buffer.length) break
  }
  return moved
}

const DIRENT_BYTES = 24
const encoder = new TextEncoder()

/** Writes `dirent`s into a buffer, the last one cut off where it ends. @returns bytes written: less than the buffer's at the end */
function listDirectory(
  context: WasiContext,
  node: DirectoryDescriptor['node'],
  into: Uint8Array,
  cookie: bigint,
): number {
  const after = BigInt.asUintN(64, cookie)
  let written = 0
  const put = (name: string, entry: { inode: number; kind: keyof typeof FILE_TYPE; cookie: number }) => {
    const text = encoder.encode(name)
    const record = new Uint8Array(DIRENT_BYTES + text.length)
    const view = new DataView(record.buffer)
    view.setBigUint64(0, BigInt(entry.cookie), true)
    view.setBigUint64(8, BigInt(entry.inode), true)
    view.setUint32(16, text.length, true)
    view.setUint8(20, FILE_TYPE[entry.kind])
    record.set(text, DIRENT_BYTES)
    const part = record.subarray(0, into.length - written)
    context.charge(part.length)
    into.set(part, written)
    written += part.length
  }
  if (after < 1n) put('.', { ...identity(node), cookie: 1 })
  if (after < 2n) put('..', { ...identity(node.parent), cookie: 2 })
  for (const [name, entry] of node.entries) {
    if (written === into.length) break
    context.charge(1)
    if (BigInt(entry.cookie) > after) put(name, { ...identity(entry.node), cookie: entry.cookie })
  }
  return written
}

const identity = ({ inode, kind }: { inode: number; kind: keyof typeof FILE_TYPE }) => ({ inode, kind })
