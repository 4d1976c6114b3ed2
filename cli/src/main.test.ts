import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

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

test('what is interrupted dies of it, so that a loop around it ends too, and says no more', async () => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const folder = await mkdtemp(join(tmpdir(), 'teapot-interrupted-'))
  try {
    const address = `0x${'00'.repeat(20)}`
    const names = ['codeRegistry', 'referenceValues', 'nodeRegistry', 'attestation', 'disputes', 'proofVerifier']
    const contracts = Object.fromEntries(names.map((name) => [name, address]))
    const deployment = { chainId: 1, deployedBlock: 1, ...contracts }
    const rpcUrls = [`http://127.0.0.1:${(silent.address() as AddressInfo).port}`]
    await writeFile(join(folder, 'network.json'), JSON.stringify({ rpcUrls, deployment }))
    const child = spawn(process.execPath, [MAIN, 'status', '--network', join(folder, 'network.json')])
    const said = Promise.all([text(child.stdout), text(child.stderr)])
    const ended = once(child, 'exit')
    await once(silent, 'request')
    child.kill('SIGINT')
    expect(await ended).toEqual([null, 'SIGINT'])
    expect(await said).toEqual(['', ''])
  } finally {
    silent.close().closeAllConnections()
    await rm(folder, { recursive: true })
  }
})

describe('teapot actor dev', () => {
  // Without source, so that nothing has to be built: what is called is unknown.
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'teapot-dev-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  function dev() {
    const child = spawn(process.execPath, [MAIN, 'actor', 'dev', folder, '--json'])
    const ended = once(child, 'exit')
    const events = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = async (type: string) => {
      for (;;) {
        const { value, done } = await events.next()
        if (done) throw new Error(`ended before ${type}`)
        const event = JSON.parse(value)
        if (event.type === type) return event
      }
    }
    return { child, ended, next }
  }

  test('ends with its input, when all of that is answered', async () => {
    const { child, ended, next } = dev()
    child.stdin.end('greet Ada\n\ngreet')
    for (const _ of ['Ada', 'nobody']) expect(await next('error')).toMatchObject({ code: 'host/unknown-actor' })
    expect(await ended).toEqual([0, null])
  }, 300_000)

  test('ends when it is interrupted', async () => {
    const { child, ended, next } = dev()
    await next('listening')
    child.kill('SIGINT')
    expect(await ended).toEqual([0, null])
  }, 300_000)
})
