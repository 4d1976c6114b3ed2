import type { WasiContext } from './context.ts'
import { Errno, refuse } from './errno.ts'
import { setTimes, writeFilestat } from './filestat.ts'
import type { Layout } from './layout.ts'
import { openPath } from './open-path.ts'
import {
  createDirectory,
  link,
  present,
  removeDirectory,
  rename,
  symlink,
  targetOf,
  unlink,
} from './path-operations.ts'
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
      createDirectory(context.tree!, resolve(fd, Right.pathCreateDirectory, at, length))
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
      link(context.tree!, node, resolve(newFd, Right.pathLinkTarget, newAt, newLength))
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
      const text = targetOf(resolve(fd, Right.pathReadlink, at, length))
      memory.range(result, 4)
      const target = Buffer.from(text).subarray(0, size >>> 0)
      memory.bytes(into, target.length).set(target)
      memory.setU32(result, target.length)
    },
    path_remove_directory(fd: number, at: number, length: number): void {
      removeDirectory(context.tree!, resolve(fd, Right.pathRemoveDirectory, at, length))
    },
    path_rename(fd: number, at: number, length: number, newFd: number, newAt: number, newLength: number): void {
      const from = resolve(fd, Right.pathRenameSource, at, length)
      rename(context.tree!, from, resolve(newFd, Right.pathRenameTarget, newAt, newLength))
    },
    path_symlink(at: number, length: number, fd: number, newAt: number, newLength: number): void {
      const target = memory.text(at, length)
      symlink(context.tree!, target, resolve(fd, Right.pathSymlink, newAt, newLength))
    },
    path_unlink_file(fd: number, at: number, length: number): void {
      unlink(context.tree!, resolve(fd, Right.pathUnlinkFile, at, length))
    },
  }
}
