import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { copySources } from './copy.ts'
import { MUTANTS } from './list.ts'

const ROOT = join(import.meta.dirname, '..', '..')

describe('the list of mutants', () => {
  test('names each mutant once', () => {
    const ids = MUTANTS.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)])
  })

  test('finds the text of each exactly once in its file, and its tests', () => {
    for (const { id, file, find, tests } of MUTANTS) {
      expect(readFileSync(join(ROOT, file), 'utf8').split(find).length - 1, id).toBe(1)
      for (const path of tests) expect(existsSync(join(ROOT, path)), `${id}: ${path}`).toBe(true)
    }
  })
})

test('in a copy of the sources our rooms are those of the copy, and the dependencies those of the checkout', () => {
  using copy = copySources(ROOT)
  const modules = join(copy.folder, 'node_modules')
  expect(realpathSync(join(modules, '@teapot-network', 'trust'))).toBe(join(copy.folder, 'trust'))
  expect(realpathSync(join(modules, 'vitest'))).toBe(realpathSync(join(ROOT, 'node_modules', 'vitest')))
  expect(existsSync(join(copy.folder, '.git'))).toBe(false)
})
