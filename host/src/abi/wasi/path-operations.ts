import { Errno, refuse } from './errno.ts'
import type { ResolvedPath } from './resolve-path.ts'
import type { ScratchNode, ScratchTree } from './scratch-tree.ts'

// What POSIX says of names in a directory, for both faces of WASI: preview 1 and `wasi:filesystem`.

/** What a path names. @throws Refused noent; notdir when the path asks for a directory and it is none */
export function present({ node, slash }: ResolvedPath): ScratchNode {
  if (node === undefined) refuse(Errno.noent)
  if (slash && node.kind !== 'directory') refuse(Errno.notdir)
  return node
}

/** mkdir(). @throws Refused exist, nospc */
export function createDirectory(tree: ScratchTree, { directory, name, node }: ResolvedPath): void {
  if (node !== undefined) refuse(Errno.exist)
  tree.createDirectory(directory, name)
}

/** rmdir(). @throws Refused noent, notdir, inval, notempty */
export function removeDirectory(tree: ScratchTree, { directory, name, node }: ResolvedPath): void {
  if (node === undefined) refuse(Errno.noent)
  if (node.kind !== 'directory') refuse(Errno.notdir)
  if (name === '') refuse(Errno.inval)
  if (node.entries.size > 0) refuse(Errno.notempty)
  tree.remove(directory, name)
}

/** unlink(). @throws Refused noent, isdir */
export function unlink(tree: ScratchTree, found: ResolvedPath): void {
  if (present(found).kind === 'directory') refuse(Errno.isdir)
  tree.remove(found.directory, found.name)
}

/** link(). @throws Refused exist, noent, perm, nospc */
export function link(tree: ScratchTree, node: ScratchNode, to: ResolvedPath): void {
  vacant(to)
  if (node.kind === 'directory') refuse(Errno.perm)
  tree.link(to.directory, to.name, node)
}

/** symlink(). @throws Refused exist, noent, inval, nospc; notcapable for a target that leads out by itself */
export function symlink(tree: ScratchTree, target: string, to: ResolvedPath): void {
  vacant(to)
  if (target === '') refuse(Errno.noent)
  if (target.includes('\0')) refuse(Errno.inval)
  if (target.startsWith('/')) refuse(Errno.notcapable)
  tree.createLink(to.directory, to.name, target)
}

/** readlink(). @throws Refused noent, inval */
export function targetOf(found: ResolvedPath): string {
  const node = present(found)
  return node.kind === 'link' ? node.target : refuse(Errno.inval)
}

/** rename(). @throws Refused noent, notdir, isdir, notempty, inval */
export function rename(tree: ScratchTree, from: ResolvedPath, to: ResolvedPath): void {
  mayReplace(from, to)
  tree.rename(from.directory, from.name, to.directory, to.name)
}

/** A path that names nothing yet, nor a directory to be. */
function vacant({ node, slash }: ResolvedPath): void {
  if (node !== undefined) refuse(Errno.exist)
  if (slash) refuse(Errno.noent)
}

function mayReplace(from: ResolvedPath, to: ResolvedPath): void {
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
