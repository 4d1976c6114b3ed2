import { expect, test } from 'vitest'
import { LoadedModules } from './loaded-modules.ts'
import type { Release } from './release.ts'

const release = (handle: number, active = 0) => ({ handle, active }) as Release

test('The module unused for longest is dropped, by number and by bytes', () => {
  const loaded = new LoadedModules({ modules: 3, modulesBytes: 100 })
  for (const handle of [1, 2, 3]) loaded.add(release(handle), 10)
  expect(loaded.use(1)).toBe(true)
  expect(loaded.use(9)).toBe(false)
  expect(loaded.makeRoom(10)).toEqual([2])
  loaded.add(release(4), 70)
  expect(loaded.makeRoom(80)).toEqual([3, 1, 4])
  expect([1, 2, 3, 4].some((handle) => loaded.has(handle))).toBe(false)
})

test('A module with calls stays, even over the limit', () => {
  const loaded = new LoadedModules({ modules: 2, modulesBytes: 100 })
  loaded.add(release(1, 1), 10)
  loaded.add(release(2), 10)
  expect(loaded.makeRoom(10)).toEqual([2])
  loaded.add(release(3, 1), 10)
  expect(loaded.makeRoom(10)).toEqual([])
})

test('What was forgotten leaves its room', () => {
  const loaded = new LoadedModules({ modules: 2, modulesBytes: 100 })
  loaded.add(release(1), 90)
  expect(loaded.delete(1)).toBe(true)
  expect(loaded.delete(1)).toBe(false)
  expect(loaded.makeRoom(90)).toEqual([])
})
