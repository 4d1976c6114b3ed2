import { Errno, refuse } from './errno.ts'

/** What each file, directory or link costs of a tree's quota besides its content, and each name of one besides its letters. */
export const NODE_BYTES = 512
export const ENTRY_BYTES = 128

interface NodeState {
  /** Unique in its tree. */
  readonly inode: number
  /** Names that it has; a node without a name lives on while it is open. */
  links: number
  opens: number
  /** Nanoseconds since 1970: last access (not kept up by reading), change of content, change of anything. */
  accessed: bigint
  modified: bigint
  changed: bigint
}

export interface FileNode extends NodeState {
  readonly kind: 'file'
  /** The first `size` bytes are the content, the others 0. */
  data: Uint8Array
  size: number
}

export interface DirectoryNode extends NodeState {
  readonly kind: 'directory'
  /** In the order in which they were added; `cookie` grows with it and is never used again. */
  readonly entries: Map<string, { readonly node: ScratchNode; readonly cookie: number }>
  /** The root is its own. */
  parent: DirectoryNode
  nextCookie: number
}

export interface LinkNode extends NodeState {
  readonly kind: 'link'
  readonly target: string
}

export type ScratchNode = FileNode | DirectoryNode | LinkNode

const EMPTY = new Uint8Array(0)
/** Cookies of `.` and `..` come before those of entries. */
const FIRST_COOKIE = 3

/** A tree of files in memory that never holds more than its quota. Names are single path components, checked by whoever resolved them. */
export class ScratchTree {
  readonly root: DirectoryNode
  readonly #limitBytes: number
  readonly #now: () => bigint
  readonly #charge: (bytes: number) => void
  #usedBytes = 0
  #nextInode = 1

  /**
   * @param limitBytes quota over all content, nodes and names
   * @param now nanoseconds since 1970
   * @param charge is told of bytes about to be cleared or copied; may throw
   */
  constructor(limitBytes: number, now: () => bigint, charge: (bytes: number) => void) {
    this.#limitBytes = limitBytes
    this.#now = now
    this.#charge = charge
    // Of 1970 until something changes in it: an instance that has no use for files asks for no time either.
    const state = { ...stateOf(this.#nextInode++, 0n), links: 1, entries: new Map(), nextCookie: FIRST_COOKIE }
    this.root = { ...state, kind: 'directory', parent: undefined as never }
    this.root.parent = this.root
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  createFile(parent: DirectoryNode, name: string): FileNode {
    return this.#add(parent, name, { ...this.#state(), kind: 'file', data: EMPTY, size: 0 }, NODE_BYTES)
  }

  createDirectory(parent: DirectoryNode, name: string): DirectoryNode {
    const entries: DirectoryNode['entries'] = new Map()
    const node = { ...this.#state(), kind: 'directory' as const, entries, parent, nextCookie: FIRST_COOKIE }
    return this.#add(parent, name, node, NODE_BYTES)
  }

  createLink(parent: DirectoryNode, name: string, target: string): LinkNode {
    return this.#add(parent, name, { ...this.#state(), kind: 'link', target }, NODE_BYTES + 2 * target.length)
  }

  /** Gives a file or link one more name. */
  link(parent: DirectoryNode, name: string, node: FileNode | LinkNode): void {
    this.#add(parent, name, node, 0)
    node.changed = parent.changed
  }

  /** Takes a name away; the node goes with its last one, once nobody has it open. */
  remove(parent: DirectoryNode, name: string): void {
    const { node } = parent.entries.get(name)!
    parent.entries.delete(name)
    parent.modified = parent.changed = node.changed = this.#now()
    this.#usedBytes -= entryBytes(name)
    node.links--
    this.#forget(node)
  }

  /** Moves a name; what had the new one loses it. Whether that is allowed is for the caller to know. */
  rename(from: DirectoryNode, fromName: string, to: DirectoryNode, toName: string): void {
    const { node } = from.entries.get(fromName)!
    const replaced = to.entries.get(toName)
    if (replaced?.node === node) return
    if (replaced === undefined) this.#reserve(Math.max(0, entryBytes(toName) - entryBytes(fromName)))
    else this.remove(to, toName)
    from.entries.delete(fromName)
    to.entries.set(toName, { node, cookie: to.nextCookie++ })
    this.#usedBytes += entryBytes(toName) - entryBytes(fromName)
    if (node.kind === 'directory') node.parent = to
    from.modified = from.changed = to.modified = to.changed = node.changed = this.#now()
  }

  /** Cuts a file or fills it up with zeros. @throws Refused nospc */
  resize(file: FileNode, size: number): void {
    const grown = size - file.size
    this.#reserve(Math.max(0, grown))
    this.#charge(Math.abs(grown))
    if (size > file.data.length) file.data = copyTo(new Uint8Array(this.#capacity(file.data.length, size)), file.data)
    // What was cut off must not come back, nor be held without being counted.
    else if (grown < 0 && size * 2 < file.data.length) file.data = file.data.slice(0, size)
    else if (grown < 0) file.data.fill(0, size, file.size)
    file.size = size
    this.#usedBytes += grown
    file.modified = file.changed = this.#now()
  }

  /** @returns how many bytes the quota had room for: 0 only when there was none, or nothing to write */
  write(file: FileNode, offset: number, bytes: Uint8Array): number {
    const room = this.#limitBytes - this.#usedBytes + file.size - offset
    const length = Math.max(0, Math.min(bytes.length, room))
    if (length === 0) return 0
    if (offset + length > file.size) this.resize(file, offset + length)
    else file.modified = file.changed = this.#now()
    file.data.set(bytes.subarray(0, length), offset)
    return length
  }

  opened(node: ScratchNode): void {
    node.opens++
  }

  closed(node: ScratchNode): void {
    node.opens--
    this.#forget(node)
  }

  /** @param times what is undefined stays; `now` is the time of this call */
  setTimes(node: ScratchNode, accessed: bigint | 'now' | undefined, modified: bigint | 'now' | undefined): void {
    const now = this.#now()
    if (accessed !== undefined) node.accessed = accessed === 'now' ? now : accessed
    if (modified !== undefined) node.modified = modified === 'now' ? now : modified
    node.changed = now
  }

  #state(): NodeState {
    return stateOf(this.#nextInode++, this.#now())
  }

  #add<T extends ScratchNode>(parent: DirectoryNode, name: string, node: T, bytes: number): T {
    if (parent.links === 0) refuse(Errno.noent)
    this.#reserve(bytes + entryBytes(name))
    this.#usedBytes += bytes + entryBytes(name)
    parent.entries.set(name, { node, cookie: parent.nextCookie++ })
    parent.modified = parent.changed = node.changed
    node.links++
    return node
  }

  #forget(node: ScratchNode): void {
    if (node.links > 0 || node.opens > 0) return
    const content = node.kind === 'file' ? node.size : node.kind === 'link' ? 2 * node.target.length : 0
    this.#usedBytes -= NODE_BYTES + content
  }

  #reserve(bytes: number): void {
    if (this.#usedBytes + bytes > this.#limitBytes) refuse(Errno.nospc)
  }

  /** Doubles, so that appending is cheap, but never past what the quota could ever fill. */
  #capacity(had: number, needed: number): number {
    return Math.max(needed, Math.min(had * 2, this.#limitBytes))
  }
}

function stateOf(inode: number, now: bigint): NodeState {
  return { inode, links: 0, opens: 0, accessed: now, modified: now, changed: now }
}

const entryBytes = (name: string) => ENTRY_BYTES + 2 * name.length

function copyTo(into: Uint8Array, from: Uint8Array): Uint8Array {
  into.set(from)
  return into
}
