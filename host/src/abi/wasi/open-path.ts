import type { DirectoryDescriptor, FileDescriptor } from './descriptors.ts'
import { Errno, refuse } from './errno.ts'
import { resolvePath } from './resolve-path.ts'
import { DIRECTORY_RIGHTS, FILE_RIGHTS, Right } from './rights.ts'
import type { ScratchNode, ScratchTree } from './scratch-tree.ts'

/** `oflags` */
const CREATE = 1
const DIRECTORY = 2
const EXCLUSIVE = 4
const TRUNCATE = 8
/** `fdflags` */
const KNOWN_FD_FLAGS = 31

/** What `path_open` was asked for. */
export interface OpenRequest {
  readonly path: string
  readonly follow: boolean
  readonly flags: number
  readonly rights: number
  readonly inheriting: number
  readonly fdFlags: number
}

/**
 * Opens, and where asked makes, a file or directory. It gets of the rights asked for those that the directory hands on and
 * that its kind can have.
 * @throws Refused
 */
export function openPath(
  tree: ScratchTree,
  from: DirectoryDescriptor,
  request: OpenRequest,
): FileDescriptor | DirectoryDescriptor {
  const { flags, fdFlags } = request
  const asked = (flag: number) => (flags & flag) !== 0
  if (asked(CREATE) && asked(DIRECTORY)) refuse(Errno.inval)
  if ((fdFlags & ~KNOWN_FD_FLAGS) !== 0) refuse(Errno.inval)
  if (asked(CREATE) && !(from.rights & Right.pathCreateFile)) refuse(Errno.notcapable)
  if (asked(TRUNCATE) && !(from.rights & Right.pathFilestatSetSize)) refuse(Errno.notcapable)
  const exclusive = asked(CREATE) && asked(EXCLUSIVE)
  const { directory, name, node, slash } = resolvePath(from.node, request.path, request.follow && !exclusive)
  if (node !== undefined && exclusive) refuse(Errno.exist)
  const wantsDirectory = asked(DIRECTORY) || slash
  const found = node ?? (asked(CREATE) && !slash ? tree.createFile(directory, name) : refuse(Errno.noent))
  return describe(tree, found, from, request, wantsDirectory, asked(TRUNCATE))
}

function describe(
  tree: ScratchTree,
  node: ScratchNode,
  from: DirectoryDescriptor,
  request: OpenRequest,
  wantsDirectory: boolean,
  truncate: boolean,
): FileDescriptor | DirectoryDescriptor {
  const rights = request.rights & from.inheriting
  const inheriting = request.inheriting & from.inheriting
  const flags = request.fdFlags
  if (node.kind === 'link') refuse(Errno.loop)
  if (node.kind === 'directory') {
    if (truncate || rights & Right.fdWrite) refuse(Errno.isdir)
    return { kind: 'directory', node, preopen: undefined, rights: rights & DIRECTORY_RIGHTS, inheriting, flags }
  }
  if (wantsDirectory) refuse(Errno.notdir)
  if (truncate) tree.resize(node, 0)
  return { kind: 'file', node, offset: 0, rights: rights & FILE_RIGHTS, inheriting, flags }
}
