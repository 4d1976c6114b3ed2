import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { own } from './child-process.ts'

afterEach(() => {
  delete process.env['NODE_COMPILE_CACHE']
})

test('what a machine runs finds the programs, and takes no code from a cache of ours', async () => {
  process.env['NODE_COMPILE_CACHE'] = '/tmp/of-somebody-else'
  const { child } = own(process.execPath, ['-p', 'Object.keys(process.env)'], 'KILL', {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(await text(child.stdout!)).toBe("[ 'PATH' ]\n")
})
