import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

test('files are those of the folder that npm was called in', async () => {
  const env = { ...process.env, npm_lifecycle_event: 'teapot', INIT_CWD: '/somewhere/else' }
  const child = spawn(process.execPath, [MAIN, 'status'], { stdio: ['ignore', 'ignore', 'pipe'], env })
  expect(await text(child.stderr)).toContain('expected .teapot/network.json in /somewhere/else or above')
})

test('a reader that goes away early ends the command quietly', async () => {
  const child = spawn(process.execPath, [MAIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  expect(await text(child.stderr)).toBe('')
  expect(await ended).toBe(0)
})
