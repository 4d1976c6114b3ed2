#!/usr/bin/env node
import { buffer } from 'node:stream/consumers'
import { printable } from './input.ts'
import { run } from './run.ts'

// A reader that has seen enough (`teapot status | head`) is no fault.
process.stdout.on('error', () => process.exit())

const abort = new AbortController()
process.once('SIGINT', () => abort.abort())

process.exitCode = await run(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${printable(line)}\n`),
  err: (line) => void process.stderr.write(`${printable(line)}\n`),
  stdin: () => buffer(process.stdin),
  // npm runs a script in the package's own folder, and tells where it was called.
  cwd: (process.env['npm_lifecycle_event'] === 'teapot' && process.env['INIT_CWD']) || process.cwd(),
  signal: abort.signal,
})
