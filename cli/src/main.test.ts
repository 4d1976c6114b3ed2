import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

test('a reader that goes away early ends the command quietly', async () => {
  const child = spawn(process.execPath, [MAIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  expect(await text(child.stderr)).toBe('')
  expect(await ended).toBe(0)
})
