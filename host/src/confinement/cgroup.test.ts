import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { Cgroup, findCgroupParent } from './cgroup.ts'

/** Directories and files as the kernel lays them out, in a place where nothing enforces them. */
function layOut(files: Record<string, string>): string {
  const mount = mkdtempSync(join(tmpdir(), 'teapot-cgroup-'))
  onTestFinished(() => rmSync(mount, { recursive: true }))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(mount, path, '..'), { recursive: true })
    writeFileSync(join(mount, path), content)
  }
  return mount
}

const VERSION_2 = {
  'cgroup.controllers': 'cpu memory pids\n',
  'node.service/cgroup.controllers': 'cpu memory pids\n',
  'node.service/cgroup.procs': `${process.pid}\n`,
  'node.service/cgroup.subtree_control': '',
}

test('With version 2 groups are made below the own one, which hands its controllers down', () => {
  const mount = layOut(VERSION_2)
  const parent = findCgroupParent(mount, '0::/node.service\n')
  const own = join(mount, 'node.service')
  expect(parent).toEqual({ version: 2, directories: { memory: own, pids: own } })
  expect(readFileSync(join(own, 'cgroup.subtree_control'), 'utf8')).toBe('+memory +pids')
  const [directory] = new Cgroup(parent, { memoryBytes: 4096, tasks: 7 }).directories
  expect(readFileSync(join(directory!, 'memory.max'), 'utf8')).toBe('4096')
  expect(readFileSync(join(directory!, 'pids.max'), 'utf8')).toBe('7')
})

test('With version 1 groups are made at the roots, when the node was put nowhere else', () => {
  const mount = layOut({ 'memory/cgroup.procs': '', 'pids/cgroup.procs': '' })
  const parent = findCgroupParent(mount, '9:cpu,cpuacct:/x\n8:pids:/\n4:memory:/\n0::/\n')
  expect(parent.version).toBe(1)
  const { directories } = new Cgroup(parent, { memoryBytes: 4096, tasks: 7 })
  expect(directories.map((directory) => directory.slice(mount.length).split('/')[1])).toEqual(['memory', 'pids'])
  expect(readFileSync(join(directories[0]!, 'memory.limit_in_bytes'), 'utf8')).toBe('4096')
  expect(readFileSync(join(directories[1]!, 'pids.max'), 'utf8')).toBe('7')
})

test('What keeps a node from making groups is told', () => {
  const lacking = layOut({ ...VERSION_2, 'node.service/cgroup.controllers': 'cpu\n' })
  expect(() => findCgroupParent(lacking, '0::/node.service\n')).toThrow(/found no memory, pids/)
  const placed = layOut({ 'memory/cgroup.procs': '', 'pids/cgroup.procs': '' })
  expect(() => findCgroupParent(placed, '8:pids:/\n4:memory:/docker/1\n')).toThrow(/another's/)
  expect(() => findCgroupParent(placed, '8:pids:/\n')).toThrow(/memory in \/proc\/self\/cgroup, found none/)
})

test('Groups of nodes that were killed are removed, and those of others are left', () => {
  const mount = layOut({ ...VERSION_2, 'node.service/teapot-1-5/x': '' })
  const own = join(mount, 'node.service')
  const gone = 2 ** 30
  for (const name of [`teapot-${gone}-0`, 'other', 'teapot-more']) mkdirSync(join(own, name))
  findCgroupParent(mount, '0::/node.service\n')
  expect(existsSync(join(own, `teapot-${gone}-0`))).toBe(false)
  for (const name of ['teapot-1-5', 'other', 'teapot-more']) expect(existsSync(join(own, name)), name).toBe(true)
})

test('Any list of groups is read or refused', () => {
  const mount = layOut({ 'memory/cgroup.procs': '', 'pids/cgroup.procs': '' })
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(\d:(memory|pids|)?:\/?\n){0,3}$/)), (own) => {
      try {
        expect(findCgroupParent(mount, own).version).toBe(1)
      } catch (error) {
        expect((error as Error).message).toMatch(/^Expected/)
      }
    }),
    { numRuns: 50 },
  )
})
