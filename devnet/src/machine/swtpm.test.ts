import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'

let folder: string
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

/** Answers nobody on its first connection, and whoever comes after. */
const HANGS_AT_FIRST = `#!${process.execPath}
let connections = 0
const path = /path=([^,]*)/.exec(process.argv[process.argv.indexOf('--server') + 1])[1]
require('node:net').createServer((socket) => {
  if (++connections > 1) socket.on('data', () => socket.write('here'))
  socket.on('error', () => {})
}).listen(path)
`

test('a TPM that hangs while it starts is asked again', async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-swtpm-'))
  await writeFile(join(folder, 'swtpm'), HANGS_AT_FIRST, { mode: 0o755 })
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`)
  vi.resetModules()
  const { powerOnSwtpm } = await import('./swtpm.ts')
  const swtpm = await powerOnSwtpm({ socket: join(folder, 's'), stateDir: folder, logFile: '/dev/null' })
  process.kill(swtpm.pid)
  expect(await swtpm.ended).toBe('SIGTERM')
})
