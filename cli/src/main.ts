#!/usr/bin/env node
import { buffer } from 'node:stream/consumers'
import { printable } from './input.ts'
import { run } from './run.ts'

const abort = new AbortController()
process.once('SIGINT', () => abort.abort())

process.exitCode = await run(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${printable(line)}\n`),
  err: (line) => void process.stderr.write(`${printable(line)}\n`),
  stdin: () => buffer(process.stdin),
  cwd: process.cwd(),
  signal: abort.signal,
})
