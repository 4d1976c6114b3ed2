import { Errno, refuse as refuseErrno } from '../../wasi/errno.ts'
import {
  createDirectory,
  link,
  present,
  removeDirectory,
  rename,
  symlink,
  targetOf,
  unlink,
} from '../../wasi/path-operations.ts'
import { type ResolvedPath, resolvePath } from '../../wasi/resolve-path.ts'
import type { DirectoryNode, FileNode, ScratchNode, ScratchTree } from '../../wasi/scratch-tree.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import {
  DirectoryEntryStream,
  type NewTimestamp,
  orErrorCode,
  orStreamError,
  statOf,
  timeOf,
  typeOf,
} from './file-types.ts'
import { InputStream, OutputStream } from './streams.ts'

/** flags descriptor-flags, as far as they mean something here: there is no disk to be in step with. */
export interface DescriptorFlags {
  readonly read?: boolean
  readonly write?: boolean
  readonly mutateDirectory?: boolean
}

/** flags path-flags { symlink-follow } */
interface PathFlags {
  readonly symlinkFollow?: boolean
}

/** flags open-flags { create, directory, exclusive, truncate } */
interface OpenFlags {
  readonly create?: boolean
  readonly directory?: boolean
  readonly exclusive?: boolean
  readonly truncate?: boolean
}

/** The most that one read returns. */
const READ_BYTES = 1n << 20n
/** Offsets beyond what any scratch directory holds. */
const FAR = 1n << 40n

/** `wasi:filesystem/types.descriptor`: a file or directory beneath the scratch directory. */
export class Descriptor extends Resource {
  readonly #tree: ScratchTree
  readonly #node: FileNode | DirectoryNode
  readonly #flags: DescriptorFlags

  constructor(world: World, tree: ScratchTree, node: FileNode | DirectoryNode, flags: DescriptorFlags) {
    super(world)
    this.#tree = tree
    this.#node = node
    this.#flags = flags
    tree.opened(node)
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]()
    this.#tree.closed(this.#node)
  }

  // read-via-stream: func(offset: filesize) -> result<input-stream, error-code>
  readViaStream(offset: bigint): InputStream {
    return this.#run(() => {
      const file = this.#file('read')
      let at = offset
      return new InputStream(this.world, (length) => {
        const bytes = slice(file, at, BigInt(length))
        at += BigInt(bytes.length)
        return bytes
      })
    })
  }

  // write-via-stream: func(offset: filesize) -> result<output-stream, error-code>
  writeViaStream(offset: bigint): OutputStream {
    return this.#run(() => {
      const file = this.#file('write')
      let at = offset
      return new OutputStream(this.world, (bytes) => {
        orStreamError(this.world, () => this.#writeAll(file, at, bytes))
        at += BigInt(bytes.length)
      })
    })
  }

  // append-via-stream: func() -> result<output-stream, error-code>
  appendViaStream(): OutputStream {
    return this.#run(() => {
      const file = this.#file('write')
      return new OutputStream(this.world, (bytes) =>
        orStreamError(this.world, () => this.#writeAll(file, BigInt(file.size), bytes)),
      )
    })
  }

  // advise: func(offset: filesize, length: filesize, advice: advice) -> result<_, error-code>
  advise(): void {
    this.#run(() => this.#file())
  }

  // sync-data: func() -> result<_, error-code>
  syncData(): void {
    this.world.charge()
  }

  // get-flags: func() -> result<descriptor-flags, error-code>
  getFlags(): DescriptorFlags {
    return this.#run(() => this.#flags)
  }

  // get-type: func() -> result<descriptor-type, error-code>
  getType(): string {
    return this.#run(() => typeOf(this.#node))
  }

  // set-size: func(size: filesize) -> result<_, error-code>
  setSize(size: bigint): void {
    this.#run(() => this.#tree.resize(this.#file('write'), toNumber(size)))
  }

  // set-times: func(data-access-timestamp: new-timestamp, data-modification-timestamp: new-timestamp) -> result<_, error-code>
  setTimes(accessed: NewTimestamp, modified: NewTimestamp): void {
    this.#run(() => this.#tree.setTimes(this.#node, timeOf(accessed), timeOf(modified)))
  }

  // read: func(length: filesize, offset: filesize) -> result<tuple<list<u8>, bool>, error-code>
  read(length: bigint, offset: bigint): [Uint8Array, boolean] {
    return this.#run(() => {
      const file = this.#file('read')
      const bytes = slice(file, offset, length < READ_BYTES ? length : READ_BYTES)
      this.world.charge(bytes.length)
      return [bytes, offset + BigInt(bytes.length) >= BigInt(file.size)]
    })
  }

  // write: func(buffer: list<u8>, offset: filesize) -> result<filesize, error-code>
  write(buffer: Uint8Array, offset: bigint): bigint {
    return this.#run(() => {
      const written = this.#tree.write(this.#file('write'), toNumber(offset), buffer)
      if (written === 0 && buffer.length > 0) refuseErrno(Errno.nospc)
      return BigInt(written)
    }, buffer.length)
  }

  // read-directory: func() -> result<directory-entry-stream, error-code>
  readDirectory(): DirectoryEntryStream {
    return this.#run(() => new DirectoryEntryStream(this.world, this.#directory()))
  }

  // sync: func() -> result<_, error-code>
  sync(): void {
    this.world.charge()
  }

  // create-directory-at: func(path: string) -> result<_, error-code>
  createDirectoryAt(path: string): void {
    this.#run(() => createDirectory(this.#tree, this.#resolve(path, true)))
  }

  // stat: func() -> result<descriptor-stat, error-code>
  stat() {
    return this.#run(() => statOf(this.#node))
  }

  // stat-at: func(path-flags: path-flags, path: string) -> result<descriptor-stat, error-code>
  statAt(flags: PathFlags, path: string) {
    return this.#run(() => statOf(present(this.#resolve(path, false, flags))))
  }

  // set-times-at: func(path-flags: path-flags, path: string, data-access-timestamp: new-timestamp,
  //   data-modification-timestamp: new-timestamp) -> result<_, error-code>
  setTimesAt(flags: PathFlags, path: string, accessed: NewTimestamp, modified: NewTimestamp): void {
    this.#run(() => {
      const node = present(this.#resolve(path, true, flags))
      this.#tree.setTimes(node, timeOf(accessed), timeOf(modified))
    })
  }

  // link-at: func(old-path-flags: path-flags, old-path: string, new-descriptor: borrow<descriptor>, new-path: string)
  //   -> result<_, error-code>
  linkAt(flags: PathFlags, oldPath: string, target: Descriptor, newPath: string): void {
    this.#run(() => {
      if (flags.symlinkFollow) refuseErrno(Errno.inval)
      link(this.#tree, present(this.#resolve(oldPath, true)), target.#resolve(newPath, true))
    })
  }

  // open-at: func(path-flags: path-flags, path: string, open-flags: open-flags, %flags: descriptor-flags)
  //   -> result<descriptor, error-code>
  openAt(pathFlags: PathFlags, path: string, openFlags: OpenFlags, flags: DescriptorFlags): Descriptor {
    return this.#run(() => {
      const changes = openFlags.create || openFlags.truncate || flags.write || flags.mutateDirectory
      const found = this.#resolve(path, changes === true, openFlags.exclusive ? {} : pathFlags)
      return new Descriptor(this.world, this.#tree, this.#open(found, openFlags, flags), flags)
    })
  }

  // readlink-at: func(path: string) -> result<string, error-code>
  readlinkAt(path: string): string {
    return this.#run(() => targetOf(this.#resolve(path, false)))
  }

  // remove-directory-at: func(path: string) -> result<_, error-code>
  removeDirectoryAt(path: string): void {
    this.#run(() => removeDirectory(this.#tree, this.#resolve(path, true)))
  }

  // rename-at: func(old-path: string, new-descriptor: borrow<descriptor>, new-path: string) -> result<_, error-code>
  renameAt(oldPath: string, target: Descriptor, newPath: string): void {
    this.#run(() => rename(this.#tree, this.#resolve(oldPath, true), target.#resolve(newPath, true)))
  }

  // symlink-at: func(old-path: string, new-path: string) -> result<_, error-code>
  symlinkAt(oldPath: string, newPath: string): void {
    this.#run(() => symlink(this.#tree, oldPath, this.#resolve(newPath, true)))
  }

  // unlink-file-at: func(path: string) -> result<_, error-code>
  unlinkFileAt(path: string): void {
    this.#run(() => unlink(this.#tree, this.#resolve(path, true)))
  }

  // is-same-object: func(other: borrow<descriptor>) -> bool
  isSameObject(other: Descriptor): boolean {
    this.world.charge()
    return this.#node === other.#node
  }

  // metadata-hash: func() -> result<metadata-hash-value, error-code>
  metadataHash() {
    return this.#run(() => hashOf(this.#node))
  }

  // metadata-hash-at: func(path-flags: path-flags, path: string) -> result<metadata-hash-value, error-code>
  metadataHashAt(flags: PathFlags, path: string) {
    return this.#run(() => hashOf(present(this.#resolve(path, false, flags))))
  }

  #run<T>(run: () => T, bytes = 0): T {
    this.world.charge(bytes)
    return orErrorCode(run)
  }

  /** Itself as a file, that was opened for this. */
  #file(use?: 'read' | 'write'): FileNode {
    if (this.#node.kind !== 'file') return refuseErrno(Errno.isdir)
    if (use !== undefined && !this.#flags[use]) return refuseErrno(Errno.badf)
    return this.#node
  }

  #directory(): DirectoryNode {
    return this.#node.kind === 'directory' ? this.#node : refuseErrno(Errno.notdir)
  }

  /** @param changes whether what is beneath may come to change */
  #resolve(path: string, changes: boolean, { symlinkFollow = false }: PathFlags = {}): ResolvedPath {
    const directory = this.#directory()
    if (changes && !this.#flags.mutateDirectory) refuseErrno(Errno.perm)
    this.world.charge(path.length)
    return resolvePath(directory, path, symlinkFollow)
  }

  #open(found: ResolvedPath, asked: OpenFlags, flags: DescriptorFlags): FileNode | DirectoryNode {
    const { directory, name, node, slash } = found
    if (asked.create && asked.directory) refuseErrno(Errno.inval)
    if (node !== undefined && asked.create && asked.exclusive) refuseErrno(Errno.exist)
    if (node === undefined)
      return asked.create && !slash ? this.#tree.createFile(directory, name) : refuseErrno(Errno.noent)
    if (node.kind === 'link') return refuseErrno(Errno.loop)
    if (node.kind === 'directory') return asked.truncate || flags.write ? refuseErrno(Errno.isdir) : node
    if (asked.directory || slash) refuseErrno(Errno.notdir)
    if (asked.truncate) this.#tree.resize(node, 0)
    return node
  }

  #writeAll(file: FileNode, offset: bigint, bytes: Uint8Array): void {
    if (this.#tree.write(file, toNumber(offset), bytes) < bytes.length) refuseErrno(Errno.nospc)
  }
}

function slice(file: FileNode, offset: bigint, length: bigint): Uint8Array {
  const start = offset < BigInt(file.size) ? Number(offset) : file.size
  const end = Math.min(file.size, start + Number(length))
  return file.data.slice(start, end)
}

function toNumber(offset: bigint): number {
  return offset > FAR ? refuseErrno(Errno.fbig) : Number(offset)
}

/** record metadata-hash-value { lower: u64, upper: u64 } */
function hashOf({ inode, modified }: ScratchNode): { lower: bigint; upper: bigint } {
  return { lower: BigInt(inode), upper: BigInt.asUintN(64, modified) }
}
