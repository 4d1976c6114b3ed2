import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../../free-port.fixture.ts'

/** Whether Debian's `redis-server` is here. */
export const HAS_REDIS = (() => {
  try {
    execFileSync('redis-server', ['--version'])
    return true
  } catch {
    return false
  }
})()

/** A Redis of the test's own on loopback. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  stop(signal?: NodeJS.Signals): Promise<void>
  start(): Promise<void>
}

/** Starts a Redis that writes each command to disk before it answers. */
export async function startRedis(...more: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'teapot-redis-'))
  const durable = ['--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'no', '--loglevel', 'notice']
  let child: ChildProcess
  const run = async (port: number): Promise<boolean> => {
    child = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', ...durable, ...more], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    // It ends at once when another process has taken its port.
    const lines = createInterface({ input: child.stdout! })
    for await (const line of lines) if (line.includes('Ready to accept connections')) break
    child.stdout!.resume()
    return child.exitCode === null && child.signalCode === null && !child.stdout!.readableEnded
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  let port = await freePort()
  for (let tries = 0; !(await run(port)); port = await freePort())
    if (++tries === 5) throw new Error('Expected redis-server to start, found that it ended')
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    async start() {
      if (!(await run(port))) throw new Error(`Expected redis-server on port ${port} again, found that it ended`)
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
