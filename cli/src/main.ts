#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'

// Kept with the code that it is made from; where that folder cannot be written to, there is none, and a command starts half a second later.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/teapot'))
const { run } = await import('./run.ts')

// A reader that has seen enough (`teapot status | head`) is no fault.
process.stdout.on('error', () => process.exit())

const abort = new AbortController()
process.once('SIGINT', () => abort.abort())

process.exitCode = await run(process.argv.slice(2), {
  out: (...lines) =>
    void process.stdout.write(
      lines
        .flat()
        .map((line) => `${line}\n`)
        .join(''),
    ),
  err: (...lines) =>
    void process.stderr.write(
      lines
        .flat()
        .map((line) => `${line}\n`)
        .join(''),
    ),
  stdin: () => buffer(process.stdin),
  // npm runs a script in the package's own folder, and tells where it was called.
  cwd: (process.env['npm_lifecycle_event'] === 'teapot' && process.env['INIT_CWD']) || process.cwd(),
  signal: abort.signal,
})

// To die of the interrupt tells the shell that it was one.
if (abort.signal.aborted && process.exitCode !== 0) process.kill(process.pid, 'SIGINT')
