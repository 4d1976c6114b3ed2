import { expect, test } from 'vitest'
import { GuestFault } from '../../guest-fault.ts'
import type { Descriptor, DescriptorFlags } from './descriptor.ts'
import { open, openWorld, refused } from './open-world.fixture.ts'

const READ = { read: true }
const WRITE = { read: true, write: true }
const NEW = { create: true, exclusive: true }

function scratch(limits: { scratchBytes?: number; fuel?: number } = {}) {
  const world = openWorld({ grants: ['wasi:filesystem'], limits: limits as never })
  const [[root] = []] = open(world, 'wasi:filesystem/preopens')['getDirectories']!() as [Descriptor, string][]
  const create = (path: string, flags: DescriptorFlags = WRITE) => root!.openAt({}, path, NEW, flags)
  return { world, root: root!, create }
}
const bytes = (text: string) => Buffer.from(text)
const text = (descriptor: Descriptor, offset = 0n) => Buffer.from(descriptor.read(100n, offset)[0]).toString()

test('Without the grant there is no directory, and so no file', () => {
  expect(open(openWorld(), 'wasi:filesystem/preopens')['getDirectories']!()).toEqual([])
  const [[, path] = []] = open(openWorld({ grants: ['wasi:filesystem'] }), 'wasi:filesystem/preopens')[
    'getDirectories'
  ]!() as [Descriptor, string][]
  expect(path).toBe('/')
})

test('What was written is read, by offset and by stream', () => {
  const { root, create } = scratch()
  const file = create('a')
  expect(file.write(bytes('tea'), 0n)).toBe(3n)
  expect(file.read(2n, 0n)).toEqual([Uint8Array.from(bytes('te')), false])
  expect(file.read(9n, 2n)).toEqual([Uint8Array.from(bytes('a')), true])
  expect(file.read(9n, 99n)).toEqual([new Uint8Array(0), true])
  const output = file.appendViaStream()
  output.blockingWriteAndFlush(bytes(' for'))
  output.write(bytes(' two'))
  const over = file.writeViaStream(0n)
  over.write(bytes('T'))
  over.write(bytes('E'))
  expect(text(file)).toBe('TEa for two')
  const input = file.readViaStream(4n)
  expect(Buffer.from(input.read(3n)).toString()).toBe('for')
  expect(Buffer.from(input.blockingRead(99n)).toString()).toBe(' two')
  expect(refused(() => input.read(1n))).toEqual({ tag: 'closed' })
  file.setSize(2n)
  expect(root.statAt({}, 'a')).toMatchObject({ type: 'regular-file', size: 2n, linkCount: 1n })
})

test('No path leads out of the scratch directory', () => {
  const { root, create } = scratch()
  create('inside')
  root.createDirectoryAt('d')
  const d = root.openAt({}, 'd', { directory: true }, READ)
  root.symlinkAt('../..', 'd/up')
  for (const path of ['/inside', '../inside', 'd/../../inside', 'd/up/inside'])
    expect(
      refused(() => root.openAt({ symlinkFollow: true }, path, {}, READ)),
      path,
    ).toBe('not-permitted')
  expect(refused(() => d.openAt({}, '../inside', {}, READ))).toBe('not-permitted')
  expect(refused(() => root.symlinkAt('/etc/passwd', 'l'))).toBe('not-permitted')
})

test('A descriptor allows what it was opened for', () => {
  const { root, create } = scratch()
  create('a').write(bytes('x'), 0n)
  const reader = root.openAt({}, 'a', {}, READ)
  const writer = root.openAt({}, 'a', {}, { write: true })
  expect(refused(() => reader.write(bytes('y'), 0n))).toBe('bad-descriptor')
  expect(refused(() => reader.setSize(0n))).toBe('bad-descriptor')
  expect(refused(() => writer.read(1n, 0n))).toBe('bad-descriptor')
  root.createDirectoryAt('d')
  const d = root.openAt({}, 'd', { directory: true }, READ)
  for (const change of [
    () => d.openAt({}, 'b', NEW, WRITE),
    () => d.openAt({}, 'b', {}, { write: true }),
    () => d.createDirectoryAt('b'),
    () => d.unlinkFileAt('b'),
    () => d.symlinkAt('a', 'b'),
    () => d.renameAt('a', root, 'b'),
  ])
    expect(refused(change)).toBe('not-permitted')
})

test('Errors are told by their codes', () => {
  const { root, create } = scratch()
  create('a')
  root.createDirectoryAt('d')
  create('d/b')
  const codes: [() => unknown, string][] = [
    [() => root.openAt({}, 'none', {}, READ), 'no-entry'],
    [() => create('a'), 'exist'],
    [() => root.openAt({}, 'a', { directory: true }, READ), 'not-directory'],
    [() => root.openAt({}, 'd', {}, WRITE), 'is-directory'],
    [() => root.openAt({}, 'a/b', {}, READ), 'not-directory'],
    [() => root.openAt({}, 'x', { create: true, directory: true }, READ), 'invalid'],
    [() => root.removeDirectoryAt('d'), 'not-empty'],
    [() => root.removeDirectoryAt('a'), 'not-directory'],
    [() => root.unlinkFileAt('d'), 'is-directory'],
    [() => root.readlinkAt('a'), 'invalid'],
    [() => root.linkAt({}, 'd', root, 'e'), 'not-permitted'],
    [() => root.statAt({}, 'x'.repeat(300)), 'name-too-long'],
    [() => root.read(1n, 0n), 'is-directory'],
    [() => root.openAt({}, 'a', {}, WRITE).setSize(1n << 50n), 'file-too-large'],
  ]
  for (const [run, code] of codes) expect(refused(run), code).toBe(code)
})

test('Entries are listed, renamed, linked and removed', () => {
  const { root, create } = scratch()
  create('a').write(bytes('x'), 0n)
  root.createDirectoryAt('d')
  root.renameAt('a', root, 'd/b')
  root.linkAt({}, 'd/b', root, 'c')
  root.symlinkAt('d/b', 'l')
  const entries = root.readDirectory()
  const found = []
  for (let entry = entries.readDirectoryEntry(); entry !== undefined; entry = entries.readDirectoryEntry())
    found.push(`${entry.type} ${entry.name}`)
  expect(found).toEqual(['directory d', 'regular-file c', 'symbolic-link l'])
  const b = root.openAt({ symlinkFollow: true }, 'l', {}, READ)
  expect(b.isSameObject(root.openAt({}, 'c', {}, READ))).toBe(true)
  expect(b.metadataHash()).toEqual(root.metadataHashAt({}, 'c'))
  expect(root.readlinkAt('l')).toBe('d/b')
  root.unlinkFileAt('c')
  root.unlinkFileAt('d/b')
  root.removeDirectoryAt('d')
  expect(text(b)).toBe('x')
  expect(b.stat().linkCount).toBe(0n)
})

test('Times are set, and told', () => {
  const { root, create } = scratch()
  const file = create('a')
  file.setTimes({ tag: 'timestamp', val: { seconds: 3n, nanoseconds: 4 } }, { tag: 'now' })
  root.setTimesAt({}, 'a', { tag: 'no-change' }, { tag: 'no-change' })
  expect(file.stat()).toMatchObject({
    dataAccessTimestamp: { seconds: 3n, nanoseconds: 4 },
    dataModificationTimestamp: { seconds: 5n, nanoseconds: 0 },
  })
})

test('The quota holds, for streams as well, and their error says why', () => {
  const { world, create } = scratch({ scratchBytes: 4_096 })
  const file = create('a')
  const stream = file.appendViaStream()
  const failure = refused(() => stream.write(new Uint8Array(5_000))) as { tag: string; val: unknown }
  expect(failure.tag).toBe('last-operation-failed')
  expect(open(world, 'wasi:filesystem/types')['filesystemErrorCode']!(failure.val)).toBe('insufficient-space')
  expect(refused(() => file.setSize(5_000n))).toBe('insufficient-space')
})

test('Work on files costs fuel', () => {
  const { create } = scratch({ fuel: 100_000 })
  const file = create('a')
  expect(() => {
    for (let i = 0; i < 100; i++) file.write(new Uint8Array(10_000), 0n)
  }).toThrow(GuestFault)
})
