import { Errno, refuse } from './errno.ts'
import { DIRECTORY_RIGHTS, FILE_RIGHTS, INPUT_RIGHTS, OUTPUT_RIGHTS } from './rights.ts'
import type { DirectoryNode, FileNode, ScratchTree } from './scratch-tree.ts'

/** Descriptors that may be open at a time. */
export const MAX_DESCRIPTORS = 1024
/** Files never take the numbers of closed standard streams: programs write to those unasked. */
const FIRST_FREE = 3

interface DescriptorState {
  rights: number
  /** Rights that what is opened beneath may have. */
  inheriting: number
  /** `fdflags`. */
  flags: number
}

export interface StreamDescriptor extends DescriptorState {
  readonly kind: 'stdin' | 'stdout' | 'stderr'
}

export interface FileDescriptor extends DescriptorState {
  readonly kind: 'file'
  readonly node: FileNode
  offset: number
}

export interface DirectoryDescriptor extends DescriptorState {
  readonly kind: 'directory'
  readonly node: DirectoryNode
  /** Under which name the program finds it at its start. */
  readonly preopen: string | undefined
}

export type Descriptor = StreamDescriptor | FileDescriptor | DirectoryDescriptor

/** A program's open descriptors: three standard streams, and the scratch directory as number 3 where there is one. */
export class Descriptors {
  readonly #open = new Map<number, Descriptor>()
  readonly #tree: ScratchTree | undefined

  constructor(tree: ScratchTree | undefined) {
    this.#tree = tree
    this.#open.set(0, { kind: 'stdin', rights: INPUT_RIGHTS, inheriting: 0, flags: 0 })
    this.#open.set(1, { kind: 'stdout', rights: OUTPUT_RIGHTS, inheriting: 0, flags: 0 })
    this.#open.set(2, { kind: 'stderr', rights: OUTPUT_RIGHTS, inheriting: 0, flags: 0 })
    if (tree === undefined) return
    const inheriting = DIRECTORY_RIGHTS | FILE_RIGHTS
    this.add({ kind: 'directory', node: tree.root, preopen: '/', rights: DIRECTORY_RIGHTS, inheriting, flags: 0 })
  }

  /** @throws Refused badf when it is not open */
  get(fd: number): Descriptor {
    return this.#open.get(fd >>> 0) ?? refuse(Errno.badf)
  }

  /** A file, with all of these rights. @throws Refused badf, isdir, spipe for a stream, notcapable */
  file(fd: number, rights: number): FileDescriptor {
    const found = this.get(fd)
    if (found.kind === 'directory') refuse(Errno.isdir)
    if (found.kind !== 'file') refuse(Errno.spipe)
    return permitted(found, rights)
  }

  /** A directory, with all of these rights. @throws Refused badf, notdir, notcapable */
  directory(fd: number, rights: number): DirectoryDescriptor {
    const found = this.get(fd)
    if (found.kind !== 'directory') refuse(Errno.notdir)
    return permitted(found, rights)
  }

  /** Whatever it is, with all of these rights. @throws Refused badf, notcapable */
  any(fd: number, rights: number): Descriptor {
    return permitted(this.get(fd), rights)
  }

  /** @returns the lowest free number. @throws Refused mfile */
  add(descriptor: FileDescriptor | DirectoryDescriptor): number {
    if (this.#open.size >= MAX_DESCRIPTORS) refuse(Errno.mfile)
    let fd = FIRST_FREE
    while (this.#open.has(fd)) fd++
    this.#open.set(fd, descriptor)
    this.#tree?.opened(descriptor.node)
    return fd
  }

  close(fd: number): void {
    const found = this.get(fd)
    this.#open.delete(fd >>> 0)
    if (found.kind === 'file' || found.kind === 'directory') this.#tree?.closed(found.node)
  }

  /** Moves one number onto another, which is closed. @throws Refused badf unless both are open */
  renumber(from: number, to: number): void {
    const moved = this.get(from)
    this.get(to)
    if (from >>> 0 === to >>> 0) return
    this.close(to)
    this.#open.delete(from >>> 0)
    this.#open.set(to >>> 0, moved)
  }
}

function permitted<T extends Descriptor>(descriptor: T, rights: number): T {
  if ((descriptor.rights & rights) !== rights) refuse(Errno.notcapable)
  return descriptor
}
