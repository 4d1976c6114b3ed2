import { Errno, refuse } from './errno.ts'
import type { DirectoryNode, ScratchNode } from './scratch-tree.ts'

/** Symbolic links that one path may lead through (POSIX SYMLOOP_MAX is at least 8; Linux follows 40). */
const MAX_LINKS = 40
const MAX_PATH = 4096
const MAX_NAME = 255

/** Where a path leads. */
export interface ResolvedPath {
  /** What holds the last component. */
  readonly directory: DirectoryNode
  /** The last component; empty when the path names `directory` itself, as `.` and `..` do. */
  readonly name: string
  /** What is there now. */
  readonly node: ScratchNode | undefined
  /** The path ended in a slash: what it names must be a directory. */
  readonly slash: boolean
}

/**
 * Resolves a path beneath a directory, and never above it: neither `..`, nor an absolute path, nor a link leads out (WASI preview 1,
 * "path resolution" of the wasi-filesystem design).
 * @param follow whether a link in the last component is followed
 * @throws Refused notcapable for a path that leads out; noent, notdir, loop, nametoolong, inval
 */
export function resolvePath(base: DirectoryNode, path: string, follow: boolean): ResolvedPath {
  const pending = componentsOf(path)
  let slash = path.endsWith('/')
  let directory = base
  let links = 0
  for (;;) {
    const name = pending.pop()
    if (name === undefined) return { directory, name: '', node: directory, slash: true }
    if (name === '.') continue
    if (name === '..') {
      if (directory === base) refuse(Errno.notcapable)
      directory = directory.parent
      continue
    }
    if (name.length > MAX_NAME) refuse(Errno.nametoolong)
    const node = directory.entries.get(name)?.node
    const last = pending.length === 0
    if (node?.kind === 'link' && (!last || follow || slash)) {
      if (++links > MAX_LINKS) refuse(Errno.loop)
      if (last && node.target.endsWith('/')) slash = true
      pending.push(...componentsOf(node.target))
      continue
    }
    if (last) return { directory, name, node, slash }
    if (node === undefined) refuse(Errno.noent)
    if (node.kind !== 'directory') refuse(Errno.notdir)
    directory = node
  }
}

/** The components of a path, last one first. */
function componentsOf(path: string): string[] {
  if (path === '') refuse(Errno.noent)
  if (path.length > MAX_PATH) refuse(Errno.nametoolong)
  if (path.includes('\0')) refuse(Errno.inval)
  if (path.startsWith('/')) refuse(Errno.notcapable)
  return path
    .split('/')
    .filter((component) => component !== '')
    .reverse()
}
