import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

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
  const port = await freePort()
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const durable = ['--appendonly', 'yes', '--appendfsync', 'no', '--loglevel', 'warning']
  let child: ChildProcess
  const start = async () => {
    child = spawn('redis-server', [...options, ...durable, ...more], { stdio: 'ignore' })
    await listening(port)
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Below the ports of outgoing connections (32768–60999): a client that tries one of those while nobody listens may connect to itself, and keep it. */
async function freePort(): Promise<number> {
  const server = createServer()
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const listening = once(server, 'listening').then(() => true)
    server.listen(port, '127.0.0.1')
    if (await listening.catch(() => false)) {
      server.close()
      await once(server, 'close')
      return port
    }
  }
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const socket = connect(port, '127.0.0.1')
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (open) return
    await sleep(25)
  }
  throw new Error(`Expected redis-server on port ${port}, found nothing`)
}
