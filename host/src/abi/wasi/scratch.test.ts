import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openClient } from './client.fixture.ts'
import { MAX_DESCRIPTORS } from './descriptors.ts'
import { Errno } from './errno.ts'
import { Right } from './rights.ts'
import { ENTRY_BYTES, NODE_BYTES, type ScratchNode, type ScratchTree } from './scratch-tree.ts'

const CREATE = 1
const DIRECTORY = 2
const TRUNCATE = 8
const OK = 0

describe('Paths in the scratch directory', () => {
  test('No path leads above the directory that it starts from', () => {
    const { open, on, symlink, rename, link } = openClient()
    on('path_create_directory', 'dir')
    open('secret', { flags: CREATE })
    const dir = open('dir', { flags: DIRECTORY, rights: BigInt(Right.pathOpen | Right.pathCreateFile) })
    for (const path of ['..', '../secret', '/secret', './../dir/../secret', 'a/../../secret'])
      expect([path, open(path, { dir })]).toEqual([path, path.startsWith('a') ? -Errno.noent : -Errno.notcapable])
    expect(open('dir/../secret')).toBeGreaterThan(3)
    expect(open('dir/../../secret')).toBe(-Errno.notcapable)
    expect(rename('secret', '../x')).toBe(-Errno.notcapable)
    expect(link('secret', 'dir/../../x')).toBe(-Errno.notcapable)
    expect(symlink('/etc/passwd', 'absolute')).toBe(-Errno.notcapable)
  })

  test('A link leads no farther than a path', () => {
    const { open, on, symlink } = openClient()
    open('secret', { flags: CREATE })
    on('path_create_directory', 'dir')
    expect(symlink('../secret', 'dir/up')).toBe(OK)
    expect(symlink('../../secret', 'dir/out')).toBe(OK)
    expect(open('dir/up')).toBeGreaterThan(3)
    expect(open('dir/out')).toBe(-Errno.notcapable)
    const dir = open('dir', { rights: BigInt(Right.pathOpen) })
    expect(open('up', { dir })).toBe(-Errno.notcapable)
    expect(open('dir/up', { follow: 0 })).toBe(-Errno.loop)
  })

  test('Links that lead in circles, and long ways over many of them, end', () => {
    const { open, symlink, on } = openClient()
    symlink('b', 'a')
    symlink('a', 'b')
    expect(open('a')).toBe(-Errno.loop)
    on('path_create_directory', 'here')
    symlink('here', 'again')
    expect(open(`${'again/../'.repeat(40)}here`, { rights: 0n })).toBeGreaterThan(3)
    expect(open(`${'again/../'.repeat(41)}here`)).toBe(-Errno.loop)
  })

  test('A path that is no path is refused', () => {
    const { open, call, bytes, at } = openClient()
    expect(open('')).toBe(-Errno.noent)
    expect(open('a\0b', { flags: CREATE })).toBe(-Errno.inval)
    expect(open('x'.repeat(256), { flags: CREATE })).toBe(-Errno.nametoolong)
    expect(open('x/'.repeat(3000))).toBe(-Errno.nametoolong)
    expect(open('x'.repeat(255), { flags: CREATE })).toBe(4)
    bytes.set([0xc3, 0x28], at.path)
    expect(call('path_create_directory', 3, at.path, 2)).toBe(Errno.ilseq)
  })

  test('A slash at its end asks for a directory', () => {
    const { open, on, symlink, link } = openClient()
    open('file', { flags: CREATE })
    on('path_create_directory', 'dir/')
    expect(open('file/')).toBe(-Errno.notdir)
    expect(open('new/', { flags: CREATE })).toBe(-Errno.noent)
    expect(open('dir/', { rights: 0n })).toBe(5)
    expect(on('path_unlink_file', 'file/')).toBe(-Errno.notdir)
    expect(symlink('x', 'new/')).toBe(-Errno.noent)
    expect(link('file', 'new/')).toBe(-Errno.noent)
    expect(on('path_remove_directory', 'dir/')).toBe(OK)
  })

  test('Moving obeys the rules of POSIX', () => {
    const { open, on, rename, size } = openClient()
    for (const dir of ['a', 'a/b', 'c', 'c/d']) on('path_create_directory', dir)
    open('file', { flags: CREATE })
    expect(rename('a', 'a/b/inside')).toBe(-Errno.inval)
    expect(rename('a', 'c')).toBe(-Errno.notempty)
    expect(rename('a', 'file')).toBe(-Errno.notdir)
    expect(rename('file', 'a')).toBe(-Errno.isdir)
    expect(rename('none', 'x')).toBe(-Errno.noent)
    expect(rename('.', 'x')).toBe(-Errno.inval)
    expect(rename('a/b', 'c/d')).toBe(OK)
    expect(rename('c/d', 'a/again')).toBe(OK)
    expect(rename('a/again', 'a/again')).toBe(OK)
    expect(rename('file', 'a/again/file')).toBe(OK)
    expect(size('a/again/file')).toBe(0)
    expect(open('a/again/../../c', { rights: 0n })).toBeGreaterThan(3)
  })

  test('A directory that is gone takes no files, and one in use cannot go', () => {
    const { open, on } = openClient()
    on('path_create_directory', 'dir')
    const dir = open('dir', { rights: BigInt(Right.pathOpen | Right.pathCreateFile) })
    open('file', { dir, flags: CREATE })
    expect(on('path_remove_directory', 'dir')).toBe(-Errno.notempty)
    expect(on('path_unlink_file', 'dir/file')).toBe(OK)
    expect(on('path_remove_directory', 'dir')).toBe(OK)
    expect(open('file', { dir, flags: CREATE })).toBe(-Errno.noent)
    expect(on('path_remove_directory', '.')).toBe(-Errno.inval)
  })
})

describe('Files in the scratch directory', () => {
  test('What was cut off does not come back', () => {
    const { open, write, read, seek, call } = openClient()
    const file = open('file', { flags: CREATE })
    write(file, 'secret secret')
    expect(call('fd_filestat_set_size', file, 9n)).toBe(0)
    expect(call('fd_filestat_set_size', file, 12n)).toBe(0)
    seek(file, 0n, 0)
    expect(read(file)).toBe('secret se\0\0\0')
    expect(call('fd_filestat_set_size', file, 2n)).toBe(0)
    expect(call('fd_allocate', file, 0n, 6n)).toBe(0)
    seek(file, 0n, 0)
    expect(read(file)).toBe('se\0\0\0\0')
    expect(open('file', { flags: TRUNCATE })).toBe(5)
    seek(file, 0n, 0)
    expect(read(file)).toBe('')
  })

  test('A gap is filled with zeros, and appending ignores where one stands', () => {
    const { open, write, read, seek } = openClient()
    const file = open('file', { flags: CREATE })
    seek(file, 3n, 0)
    write(file, 'x')
    const end = open('file', { fdFlags: 1 })
    write(end, 'y')
    seek(file, 0n, 0)
    expect(read(file)).toBe('\0\0\0xy')
    expect(seek(file, -9n, 1)).toBe(-Errno.inval)
    expect(seek(file, 0n, 3)).toBe(-Errno.inval)
  })

  test('Rights shrink on the way down, and never grow', () => {
    const { open, write, read, call, on } = openClient()
    const dir = open('.', { rights: BigInt(Right.pathOpen), inheriting: BigInt(Right.fdRead) })
    expect(open('file', { dir, flags: CREATE })).toBe(-Errno.notcapable)
    open('file', { flags: CREATE })
    const file = open('file', { dir })
    expect(read(file)).toBe('')
    expect(write(file, 'x')).toBe(-Errno.notcapable)
    expect(call('fd_fdstat_set_rights', file, BigInt(Right.fdRead | Right.fdWrite), 0n)).toBe(Errno.notcapable)
    expect(call('fd_fdstat_set_rights', file, 1n << 40n, 0n)).toBe(Errno.notcapable)
    expect(call('fd_fdstat_set_rights', file, 0n, 0n)).toBe(0)
    expect(read(file)).toBe(String(-Errno.notcapable))
    expect(on('path_unlink_file', 'file', dir)).toBe(-Errno.notcapable)
    expect(open('file', { dir: file })).toBe(-Errno.notdir)
    expect(read(dir)).toBe(String(-Errno.isdir))
  })

  test('A directory is listed in one order, which removing does not disturb', () => {
    const { open, list, on } = openClient()
    for (let i = 0; i < 20; i++) open(`file ${i}`, { flags: CREATE })
    const all = list(3)
    expect(all.names).toEqual(['.', '..', ...Array.from({ length: 20 }, (_, i) => `file ${i}`)])
    const removed: string[] = []
    for (let cookie = 0n; ; ) {
      const { entries, used } = list(3, cookie, 100)
      for (const { name } of entries)
        if (name.startsWith('file')) {
          removed.push(name)
          on('path_unlink_file', name)
        }
      if (used < 100) break
      cookie = entries.at(-1)!.next
    }
    expect(removed).toHaveLength(20)
    expect(list(3).names).toEqual(['.', '..'])
    expect(list(3, 1n << 63n).used).toBe(0)
  })

  test('One file may have several names, and lives as long as one of them, or as it is open', () => {
    const { open, write, read, link, on, seek, size, wasi } = openClient()
    const before = wasi.tree!.usedBytes
    const file = open('a', { flags: CREATE })
    write(file, 'tea')
    expect(link('a', 'b')).toBe(OK)
    on('path_unlink_file', 'a')
    expect(size('b')).toBe(3)
    on('path_unlink_file', 'b')
    seek(file, 0n, 0)
    expect(read(file)).toBe('tea')
    expect(wasi.tree!.usedBytes - before).toBe(NODE_BYTES + 3)
    expect(link('.', 'c')).toBe(-Errno.perm)
  })

  test('Only so many may be open', () => {
    const { open, call } = openClient()
    open('file', { flags: CREATE })
    for (let i = 5; i < MAX_DESCRIPTORS; i++) expect(open('file')).toBe(i)
    expect(open('file')).toBe(-Errno.mfile)
    expect(call('fd_close', 17)).toBe(0)
    expect(open('file')).toBe(17)
  })
})

describe('The quota', () => {
  test('Nothing gets over it: neither content, nor gaps, nor names, nor links', () => {
    const { open, write, call, on, symlink, link, seek, wasi } = openClient({ scratchBytes: 10_000 })
    const file = open('file', { flags: CREATE })
    const room = 10_000 - wasi.tree!.usedBytes
    expect(call('fd_allocate', file, 0n, BigInt(room + 1))).toBe(Errno.nospc)
    expect(call('fd_filestat_set_size', file, 1n << 62n)).toBe(Errno.fbig)
    expect(call('fd_filestat_set_size', file, 1n << 52n)).toBe(Errno.nospc)
    expect(write(file, 'x'.repeat(room + 5))).toBe(room)
    expect(write(file, 'x')).toBe(-Errno.nospc)
    expect(wasi.tree!.usedBytes).toBe(10_000)
    seek(file, 0n, 0)
    expect(write(file, 'over what is there')).toBe(18)
    expect(on('path_create_directory', 'dir')).toBe(-Errno.nospc)
    expect(symlink('file', 'link')).toBe(-Errno.nospc)
    expect(link('file', 'other')).toBe(-Errno.nospc)
    expect(open('new', { flags: CREATE })).toBe(-Errno.nospc)
  })

  test('What is removed makes room, once it is closed', () => {
    const { open, write, on, call, wasi } = openClient({ scratchBytes: 4_000 })
    const file = open('file', { flags: CREATE })
    write(file, 'x'.repeat(2_000))
    on('path_unlink_file', 'file')
    expect(wasi.tree!.usedBytes).toBe(NODE_BYTES + 2_000)
    expect(call('fd_close', file)).toBe(0)
    expect(wasi.tree!.usedBytes).toBe(0)
  })

  test('Empty files cost too', () => {
    const { open, call, wasi } = openClient({ scratchBytes: 20 * (NODE_BYTES + ENTRY_BYTES + 6) })
    let made = 0
    for (; ; made++) {
      const fd = open(String(100 + made), { flags: CREATE })
      if (fd < 0) break
      call('fd_close', fd)
    }
    expect(made).toBe(20)
    expect(wasi.tree!.usedBytes).toBe(20 * (NODE_BYTES + ENTRY_BYTES + 6))
  })

  test('It counts what is there, whatever was done before', () => {
    const name = fc.constantFrom('a', 'b', 'a/b', 'a/c', 'b/d', 'long name')
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('create', 'mkdir', 'unlink', 'rmdir', 'truncate'), name }),
      fc.record({ kind: fc.constantFrom('rename', 'link', 'symlink'), name, to: name }),
      fc.record({ kind: fc.constant('write'), name, bytes: fc.integer({ min: 0, max: 3_000 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const client = openClient({ scratchBytes: 12_000 })
        for (const next of steps) run(client, next)
        for (let fd = 4; fd < 60; fd++) client.call('fd_close', fd)
        const tree = client.wasi.tree!
        expect(tree.usedBytes).toBe(bytesOf(tree))
        expect(tree.usedBytes).toBeLessThanOrEqual(12_000)
      }),
      { numRuns: 200 },
    )
  })
})

function run(
  client: ReturnType<typeof openClient>,
  step: { kind: string; name: string; to?: string; bytes?: number },
): void {
  const { open, on, rename, link, symlink, write } = client
  if (step.kind === 'create') open(step.name, { flags: CREATE })
  else if (step.kind === 'truncate') open(step.name, { flags: TRUNCATE })
  else if (step.kind === 'mkdir') on('path_create_directory', step.name)
  else if (step.kind === 'unlink') on('path_unlink_file', step.name)
  else if (step.kind === 'rmdir') on('path_remove_directory', step.name)
  else if (step.kind === 'rename') rename(step.name, step.to!)
  else if (step.kind === 'link') link(step.name, step.to!)
  else if (step.kind === 'symlink') symlink(step.name, step.to!)
  else write(open(step.name, { flags: CREATE }), 'x'.repeat(step.bytes!))
}

/** What a tree should say that it holds. */
function bytesOf(tree: ScratchTree): number {
  const seen = new Set<ScratchNode>([tree.root])
  let bytes = 0
  for (const node of seen) {
    if (node.kind !== 'directory') continue
    for (const [name, entry] of node.entries) {
      bytes += ENTRY_BYTES + 2 * name.length
      if (seen.has(entry.node)) continue
      seen.add(entry.node)
      bytes += NODE_BYTES
      if (entry.node.kind === 'file') bytes += entry.node.size
      if (entry.node.kind === 'link') bytes += 2 * entry.node.target.length
    }
  }
  return bytes
}
