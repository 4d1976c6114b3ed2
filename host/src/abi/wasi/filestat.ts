import { Errno, refuse } from './errno.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { Layout } from './layout.ts'
import type { ScratchNode, ScratchTree } from './scratch-tree.ts'

/** `filetype` of WASI preview 1. Standard streams are of unknown type: neither terminals nor files. */
export const FILE_TYPE = { stdin: 0, stdout: 0, stderr: 0, directory: 3, file: 4, link: 7 } as const

const SCRATCH_DEVICE = 1n

/** Writes the `filestat` of a node, or of a standard stream when there is none. */
export function writeFilestat(memory: GuestMemory, at: number, layout: Layout, node: ScratchNode | undefined): void {
  const { bytes, linksAt, wideLinks } = layout.filestat
  memory.bytes(at, bytes).fill(0)
  if (node === undefined) return
  const start = at >>> 0
  memory.setU64(start, SCRATCH_DEVICE)
  memory.setU64(start + 8, BigInt(node.inode))
  memory.setU8(start + 16, FILE_TYPE[node.kind])
  if (wideLinks) memory.setU64(start + linksAt, BigInt(node.links))
  else memory.setU32(start + linksAt, node.links)
  const size = node.kind === 'file' ? node.size : node.kind === 'link' ? Buffer.byteLength(node.target) : 0
  const tail = [BigInt(size), node.accessed, node.modified, node.changed]
  for (const [i, value] of tail.entries()) memory.setU64(start + bytes - 32 + 8 * i, value)
}

const ATIM = 1
const ATIM_NOW = 2
const MTIM = 4
const MTIM_NOW = 8

/** Sets times as `fstflags` say. @throws Refused inval for a time that is to be both given and now, and for unknown flags */
export function setTimes(
  tree: ScratchTree,
  node: ScratchNode,
  accessed: bigint,
  modified: bigint,
  flags: number,
): void {
  const both = (a: number, b: number) => (flags & a) !== 0 && (flags & b) !== 0
  if (flags >>> 0 > 15 || both(ATIM, ATIM_NOW) || both(MTIM, MTIM_NOW)) refuse(Errno.inval)
  const chosen = (given: number, now: number, value: bigint) =>
    flags & now ? 'now' : flags & given ? BigInt.asUintN(64, value) : undefined
  tree.setTimes(node, chosen(ATIM, ATIM_NOW, accessed), chosen(MTIM, MTIM_NOW, modified))
}
