import type { WasiContext } from './context.ts'
import { Errno, refuse } from './errno.ts'
import { setTimes, writeFilestat } from './filestat.ts'
import type { Layout } from './layout.ts'
import { openPath } from './open-path.ts'
import { type ResolvedPath, resolvePath } from './resolve-path.ts'
import { Right } from './rights.ts'
import type { ScratchNode } from './scratch-tree.ts'

/** `lookupflags`: a link in the last component is followed. */
const FOLLOW = 1

/** The functions on paths of WASI preview 1 (wasi_snapshot_preview1.witx, `path_*`), all beneath the scratch directory. */
export function pathCalls(context: WasiContext, layout: Layout) {
  const { memory } = context
  const resolve = (fd: number, right: number, at: number, length: number, follow = false): ResolvedPath => {
    const { node } = context.descriptors.directory(fd, right)
    return resolvePath(node, memory.text(at, length), follow)
  }
  const existing = (fd: number, right: number, flags: number, at: number, length: number): ScratchNode =>
    present(resolve(fd, right, at, length, (flags & FOLLOW) !== 0))
  return {
    path_create_directory(fd: number, at: number, length: number): void {
      const { directory, name, node } = resolve(fd, Right.pathCreateDirectory, at, length)
      if (node !== undefined) refuse(Errno.exist)
      context.tree!.createDirectory(directory, name)
    },
    path_filestat_get(fd: number, flags: number, at: number, length: number, result: number): void {
      writeFilestat(memory, result, layout, existing(fd, Right.pathFilestatGet, flags, at, length))
    },
    path_filestat_set_times(
      fd: number,
      flags: number,
      at: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      times: number,
    ): void {
      const node = existing(fd, Right.pathFilestatSetTimes, flags, at, length)
      setTimes(context.tree!, node, accessed, modified, times)
    },
    path_link(
      fd: number,
      flags: number,
      at: number,
      length: number,
      newFd: number,
      newAt: number,
      newLength: number,
    ): void {
      if ((flags & FOLLOW) !== 0) refuse(Errno.inval)
      const node = present(resolve(fd, Right.pathLinkSource, at, length))
      const to = resolve(newFd, Right.pathLinkTarget, newAt, newLength)
      vacant(to)
      if (node.kind === 'directory') refuse(Errno.perm)
      context.tree!.link(to.directory, to.name, node)
    },
    path_open(
      fd: number,
      lookup: number,
      at: number,
      length: number,
      flags: number,
      base: bigint,
      inheriting: bigint,
      fdFlags: number,
      result: number,
    ): void {
      const from = context.descriptors.directory(fd, Right.pathOpen)
      const path = memory.text(at, length)
      memory.range(result, 4)
      const [rights, inherited] = [Number(BigInt.asUintN(30, base)), Number(BigInt.asUintN(30, inheriting))]
      const follow = (lookup & FOLLOW) !== 0
      const opened = openPath(context.tree!, from, { path, follow, flags, rights, inheriting: inherited, fdFlags })
      memory.setU32(result, context.descriptors.add(opened))
    },
    path_readlink(fd: number, at: number, length: number, into: number, size: number, result: number): void {
      const node = present(resolve(fd, Right.pathReadlink, at, length))
      if (node.kind !== 'link') refuse(Errno.inval)
      memory.range(result, 4)
      const target = Buffer.from(node.target).subarray(0, size >>> 0)
      memory.bytes(into, target.length).set(target)
      memory.setU32(result, target.length)
    },
    path_remove_directory(fd: number, at: number, length: number): void {
      const { directory, name, node } = resolve(fd, Right.pathRemoveDirectory, at, length)
      if (node === undefined) refuse(Errno.noent)
      if (node.kind !== 'directory') refuse(Errno.notdir)
      if (name === '') refuse(Errno.inval)
      if (node.entries.size > 0) refuse(Errno.notempty)
      context.tree!.remove(directory, name)
    },
    path_rename(fd: number, at: number, length: number, newFd: number, newAt: number, newLength: number): void {
      const from = resolve(fd, Right.pathRenameSource, at, length)
      const to = resolve(newFd, Right.pathRenameTarget, newAt, newLength)
      mayReplace(from, to)
      context.tree!.rename(from.directory, from.name, to.directory, to.name)
    },
    path_symlink(at: number, length: number, fd: number, newAt: number, newLength: number): void {
      const target = memory.text(at, length)
      const to = resolve(fd, Right.pathSymlink, newAt, newLength)
      vacant(to)
      if (target === '') refuse(Errno.noent)
      if (target.includes('\0')) refuse(Errno.inval)
      if (target.startsWith('/')) refuse(Errno.notcapable)
      context.tree!.createLink(to.directory, to.name, target)
    },
    path_unlink_file(fd: number, at: number, length: number): void {
      const found = resolve(fd, Right.pathUnlinkFile, at, length)
      if (present(found).kind === 'directory') refuse(Errno.isdir)
      context.tree!.remove(found.directory, found.name)
    },
  }
}

/** What a path names. @throws Refused noent; notdir when the path asks for a directory and it is none */
export function present({ node, slash }: ResolvedPath): ScratchNode {
  if (node === undefined) refuse(Errno.noent)
  if (slash && node.kind !== 'directory') refuse(Errno.notdir)
  return node
}

/** Checks that a path names nothing yet, and not a directory to be. @throws Refused exist, noent */
export function vacant({ node, slash }: ResolvedPath): void {
  if (node !== undefined) refuse(Errno.exist)
  if (slash) refuse(Errno.noent)
}

/** The rules of POSIX rename(). @throws Refused noent, notdir, isdir, notempty, inval */
export function mayReplace(from: ResolvedPath, to: ResolvedPath): void {
  const moved = present(from)
  if (from.name === '' || to.name === '') refuse(Errno.inval)
  if (moved.kind !== 'directory') {
    if (to.node?.kind === 'directory') refuse(Errno.isdir)
    if (to.slash) refuse(Errno.notdir)
    return
  }
  for (let above = to.directory; ; above = above.parent) {
    if (above === moved) refuse(Errno.inval)
    if (above === above.parent) break
  }
  if (to.node === undefined || to.node === moved) return
  if (to.node.kind !== 'directory') refuse(Errno.notdir)
  if (to.node.entries.size > 0) refuse(Errno.notempty)
}
