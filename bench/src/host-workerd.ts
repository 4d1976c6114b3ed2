import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ServerProcess } from './hot-path.ts'

const VERSION = '1.20261117.1'
const PACKAGE = `@cloudflare/workerd-linux-${process.arch === 'arm64' ? 'arm64' : '64'}`
const CACHE = fileURLToPath(new URL('../../.cache/bench', import.meta.url))
const START_MS = 10_000

/** A waPC host as small as can be: one instance for all calls, which is not put back between them. */
const WORKER = `
import module from './echo.wasm'
const encoder = new TextEncoder()
let operation, payload, response
let bytes = new Uint8Array(0)
const view = () => (bytes.length > 0 ? bytes : (bytes = new Uint8Array(exports.memory.buffer)))
const fail = () => { throw new Error('no such thing here') }
const wapc = {
  __guest_request(operationAt, payloadAt) { view().set(operation, operationAt); view().set(payload, payloadAt) },
  __guest_response(at, length) { response = view().slice(at, at + length) },
  __guest_error: fail, __host_call: fail, __host_response: fail, __host_response_len: fail,
  __host_error: fail, __host_error_len: fail, __console_log() {},
}
const { exports } = new WebAssembly.Instance(module, { wapc, env: { abort: fail } })
exports._start?.()
exports.wapc_init?.()
export default {
  async fetch(request) {
    const body = new Uint8Array(await request.arrayBuffer())
    operation = encoder.encode(request.url.slice(request.url.lastIndexOf('/') + 1))
    payload = body
    if (exports.__guest_call(operation.length, payload.length) !== 1) fail()
    return new Response(response, { headers: { 'content-type': 'application/octet-stream' } })
  },
}
`

/**
 * Starts workerd with the same guest behind the same path; installs it on first use.
 * @returns undefined where it cannot be had
 */
export async function startWorkerd(folder: string, module: string): Promise<ServerProcess | undefined> {
  const binary = install()
  if (binary === undefined) return undefined
  const port = await freePort()
  await mkdir(folder, { recursive: true })
  await copyFile(module, join(folder, 'echo.wasm'))
  await writeFile(join(folder, 'worker.js'), WORKER)
  await writeFile(join(folder, 'config.capnp'), configOf(port))
  const child = spawn(binary, ['serve', join(folder, 'config.capnp')], { stdio: ['ignore', 'inherit', 'inherit'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  const untilMs = performance.now() + START_MS
  while (!(await listens(port))) {
    if (performance.now() > untilMs || child.exitCode !== null) {
      await stop()
      throw new Error(`Expected workerd to listen within ${START_MS} ms, found it does not`)
    }
    await sleep(50)
  }
  return { ready: { port, actor: 'echo', operation: 'echo' }, stop }
}

function install(): string | undefined {
  const binary = join(CACHE, 'node_modules', PACKAGE, 'bin', 'workerd')
  if (!existsSync(binary))
    spawnSync('npm', ['install', '--prefix', CACHE, '--no-save', '--ignore-scripts', `${PACKAGE}@${VERSION}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  return existsSync(binary) ? binary : undefined
}

const configOf = (port: number): string => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js"), (name = "echo.wasm", wasm = embed "echo.wasm")],
  compatibilityDate = "2025-06-01"
);
`

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => socket.end(() => resolve(true))).once('error', () => resolve(false))
  })
}
