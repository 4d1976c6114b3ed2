import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Address, TeapotError } from '@teapot-network/trust'
import { createRpc, quantity } from './rpc.ts'

/** How to start the embedded chain. */
export interface AnvilOptions {
  /** 0, the default, takes a free one. */
  port?: number
  /** Address to listen on; default 127.0.0.1. */
  host?: string
  /** File that keeps the chain across restarts; without it the chain is gone when it stops. */
  statePath?: string
  /** Seconds between two blocks. Without it, each transaction makes a block at once. */
  blockTimeSeconds?: number
  signal?: AbortSignal
}

/** A running chain. Disposing stops it and waits until its state is on disk. */
export interface Anvil extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<void>
}

/** The hardfork that brings P256VERIFY (EIP-7951). */
const HARDFORK = 'osaka'
/** Only an engine that hangs takes so long. */
const TIMEOUT_MS = 60_000
const STATE_INTERVAL_SECONDS = 5
/** SIGINT in the kernel's signal masks. */
const SIGINT_BIT = 1n << 1n
/** So long may it take to save its state. */
const STOP_SECONDS = 30
/** Waits for the end of its input, which is the end of whoever holds the other end. */
const GUARD = `
read -r _
kill -INT "$0"
for second in $(seq ${STOP_SECONDS}); do
  kill -0 "$0" || exit
  sleep 1
done
kill -KILL "$0"`

/**
 * Starts anvil, the ledger's embedded engine, in a process group of its own, so that Ctrl-C reaches its owner first. It never outlives its
 * owner by more than it takes to save its state.
 * @throws TeapotError `ledger/engine-failed` when it does not come up (no binary, port in use) or lacks the hardfork
 */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  options.signal?.throwIfAborted()
  const { host = '127.0.0.1', port = 0, statePath, blockTimeSeconds } = options
  const args = ['--host', host, '--port', String(port), '--hardfork', HARDFORK, '--disable-console-log']
  if (blockTimeSeconds !== undefined) args.push('--block-time', String(blockTimeSeconds))
  const scratch = statePath === undefined ? mkdtempSync(join(tmpdir(), 'teapot-anvil-')) : undefined
  if (statePath !== undefined) args.push(...stateArguments(statePath))
  else args.push('--cache-path', scratch!)

  const child = spawn(anvilBinary(), args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const exited = new Promise<void>((resolve) => {
    const ended = (): void => {
      if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true })
      resolve()
    }
    child.once('exit', ended)
    child.once('error', ended)
  })
  const guard = guardOf(child)
  void exited.then(() => guard.kill())
  const stop = async (): Promise<void> => {
    child.kill('SIGINT')
    const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS * 1_000)
    await exited
    clearTimeout(deadline)
  }
  try {
    const bound = await listening(child, options.signal)
    const url = `http://${host}:${bound}`
    await assertHardfork(url, options.signal)
    await catchingInterrupts(child.pid!, options.signal)
    return { url, port: bound, pid: child.pid!, exited, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Stops anvil when we are gone, however we went. It has a group of its own, as anvil has, and nothing of our environment, by which it might be taken for ours. */
function guardOf(child: ChildProcess): ChildProcess {
  const env = { PATH: process.env['PATH'] }
  const args = ['-c', GUARD, String(child.pid)]
  const guard = spawn('sh', args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env })
  guard.once('error', () => child.kill('SIGINT'))
  guard.unref()
  return guard
}

/** Gives accounts on an embedded chain something to pay gas with; `wei` defaults to 100 ether. */
export async function fundAccounts(
  url: string,
  accounts: readonly Address[],
  { wei = 100n * 10n ** 18n, signal }: { wei?: bigint; signal?: AbortSignal } = {},
): Promise<void> {
  const rpc = createRpc(url, { timeoutMs: TIMEOUT_MS })
  await Promise.all(accounts.map((account) => rpc.request('anvil_setBalance', [account, quantity(wei)], { signal })))
}

/** anvil rewrites its state in place: a copy of the last whole one is kept, and used when the newer one is torn. */
function stateArguments(statePath: string): string[] {
  mkdirSync(dirname(statePath), { recursive: true })
  const copy = `${statePath}.last-good`
  if (isWhole(statePath)) copyFileSync(statePath, copy)
  else if (existsSync(statePath) && isWhole(copy)) copyFileSync(copy, statePath)
  const interval = ['--state-interval', String(STATE_INTERVAL_SECONDS)]
  return ['--state', statePath, ...interval, '--cache-path', `${statePath}.cache`]
}

function isWhole(path: string): boolean {
  if (!existsSync(path)) return false
  try {
    JSON.parse(readFileSync(path, 'utf8'))
    return true
  } catch {
    return false
  }
}

/** Path of the native anvil that npm installed for this platform. @throws TeapotError `ledger/engine-failed` if there is none */
export function anvilBinary(): string {
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`
  try {
    const launcher = createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json')
    return join(dirname(createRequire(launcher).resolve(`${name}/package.json`)), 'bin', 'anvil')
  } catch (cause) {
    throw failed(`the npm package ${name}`, 'none installed', cause)
  }
}

/** Waits for the line that tells the port, and keeps reading after it so that the pipes never fill. */
function listening(child: ChildProcess, signal: AbortSignal | undefined): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let output = ''
  const read = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000)
    const port = /Listening on \S*:(\d+)\s/.exec(output)?.[1]
    if (port) resolve(Number(port))
  }
  const abort = (): void => reject(signal!.reason as Error)
  const deadline = setTimeout(() => reject(failed('it to listen', `nothing in ${TIMEOUT_MS} ms`)), TIMEOUT_MS)
  signal?.addEventListener('abort', abort, { once: true })
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', read)
  child.once('error', (cause) => reject(failed('it to start', cause.message, cause)))
  child.once('close', () => reject(failed('it to listen', output.trim().split('\n').at(-1) || 'its end')))
  return promise.finally(() => {
    clearTimeout(deadline)
    signal?.removeEventListener('abort', abort)
    for (const stream of [child.stdout!, child.stderr!]) stream.off('data', read).resume()
  })
}

/**
 * Waits until anvil saves its state when it is told to stop: it answers before it has a handler for that, and would just die. The kernel tells
 * where there is a /proc.
 */
async function catchingInterrupts(pid: number, signal: AbortSignal | undefined): Promise<void> {
  const status = `/proc/${pid}/status`
  for (const end = performance.now() + TIMEOUT_MS; existsSync(status) && performance.now() < end; ) {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(status, 'utf8'))?.[1]
    if (caught === undefined || BigInt(`0x${caught}`) & SIGINT_BIT) return
    await sleep(5, undefined, signal ? { signal } : {})
  }
}

async function assertHardfork(url: string, signal: AbortSignal | undefined): Promise<void> {
  const info = (await createRpc(url, { timeoutMs: TIMEOUT_MS }).request('anvil_nodeInfo', [], { signal })) as {
    hardFork?: unknown
  }
  const found = String(info.hardFork).toLowerCase()
  if (found !== HARDFORK) throw failed(`the hardfork ${HARDFORK}`, found)
}

function failed(expected: string, found: string, cause?: unknown): TeapotError {
  const message = `Cannot start anvil: expected ${expected}, found ${found}. Install dependencies, or choose another port.`
  return new TeapotError('ledger/engine-failed', message, { kind: 'fault', cause })
}
