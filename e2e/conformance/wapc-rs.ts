// wapc/wapc-rs: every module under `wasm/`, each as the tests of its providers run it (`crates/wasmtime-provider/tests`,
// `crates/wasm3-provider/tests`). Nothing is skipped; what the tests say about Rust's asynchronous hosts is said here once.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decode, encode } from '@msgpack/msgpack'
import { type Binding, type CapabilityInvocation, createHost, type Host, type HostError } from '@teapot-network/host'
import { expect, playAll, type Suite } from './suite.ts'

/** What a case does with a host; it throws what it finds wrong. */
type Case = (guest: Guest) => Promise<void>

/** Modules of one case behind a real host, and what they asked of it. */
interface Guest {
  load(path: string, version?: number): Promise<void>
  call(operation: string, payload: Uint8Array | string, deadlineMs?: number): Promise<Uint8Array>
  readonly asked: Pick<CapabilityInvocation, 'binding' | 'capability' | 'operation' | 'payload'>[]
}

const TEXT = 'this is a test'
const DEADLINE_MS = 2_000
/** What the modules call their host by. */
const BINDINGS: Binding[] = [
  { name: 'binding', capability: 'sample:namespace' },
  { name: 'myBinding', capability: 'sample' },
]

const echo = (path: string): Case => {
  return async (guest) => {
    await guest.load(path)
    expect(decode(await guest.call('echo', encode('hello world'))), 'hello world')
    expect(guest.asked.length, 0)
  }
}

const ping = (path: string): Case => {
  return async (guest) => {
    await guest.load(path)
    expect(text(await guest.call('ping', TEXT)), TEXT)
    expectAsked(guest, 'binding', 'sample:namespace', 'pong', TEXT)
  }
}

const hello = (path: string, answer: string): Case => {
  return async (guest) => {
    await guest.load(path)
    expect(text(await guest.call('hello', TEXT)), answer)
    expectAsked(guest, 'myBinding', 'sample', 'hello', 'Simon')
  }
}

async function deadline(guest: Guest): Promise<void> {
  await guest.load('crates/wapc-guest-timeout/build/wapc_guest_timeout.wasm')
  expect(text(await guest.call('sleep', '1')), 'slept for 1 seconds')
  const late = await guest.call('sleep', '10').then(text, (error: HostError) => error.code)
  expect(late, 'host/deadline')
}

async function hotSwap(guest: Guest): Promise<void> {
  const person = { first_name: 'John Doe' }
  const serdes = async () => decode(await guest.call('serdes_example', encode(person))) as Record<string, unknown>
  await guest.load('crates/wasm-calc-hash/module1/build/module1_hash.wasm')
  const before = await serdes()
  await guest.load('crates/wasm-calc-hash/module2/build/module2_hash.wasm', 2)
  const after = await serdes()
  expect(before['first_name'], person.first_name)
  expect(before['hash'] === 42, false)
  expect(JSON.stringify(after), JSON.stringify({ ...person, hash: 42 }))
  expectAsked(guest, 'binding', 'sample:namespace', 'serdes_and_hash')
}

const CASES: Record<string, Case> = {
  'wapc_guest_test.wasm echoes': echo('crates/wapc-guest-test/build/wapc_guest_test.wasm'),
  'output.wasm, an older build of it, echoes': echo('crates/wapc-guest-test/output.wasm'),
  'wasm_basic.wasm answers a ping and calls its host': ping('crates/wasm-basic/build/wasm_basic.wasm'),
  'wasi_basic.wasm does so with WASI besides': ping('crates/wasi-basic/build/wasi_basic.wasm'),
  'hello_as.wasm says hello and calls its host': hello('hello_as.wasm', 'Hello'),
  'hello_tinygo.wasm says hello and calls its host': hello('hello_tinygo.wasm', 'Hello'),
  'hello_zig.wasm says hello and calls its host': hello('hello_zig.wasm', `Hello, ${TEXT}!`),
  'wapc_guest_timeout.wasm sleeps, and is stopped at its deadline': deadline,
  'module1_hash.wasm is swapped for module2_hash.wasm': hotSwap,
}

/** Runs every module. */
export const run: Suite = async (directory, report) => {
  const folder = join(directory, 'wasm')
  if (!existsSync(folder)) throw new Error(`Expected modules in ${folder}, found none`)
  const asked: CapabilityInvocation[] = []
  await using host = await createHost({
    nodePath: process.execPath,
    sandboxEntry: fileURLToPath(new URL('../../host/src/sandbox/main.ts', import.meta.url)),
    invoke: async (invocation) => {
      asked.push(invocation)
      return new Uint8Array(0)
    },
  })
  const cases = Object.entries(CASES).map(([name, play]) => {
    const playOne = () => {
      asked.length = 0
      return play(guestOf(host, folder, name, asked))
    }
    return [name, playOne] as const
  })
  await playAll(cases, report)
}

function guestOf(host: Host, folder: string, actor: string, asked: CapabilityInvocation[]): Guest {
  const grants = BINDINGS.map(({ capability }) => capability)
  return {
    asked,
    load: (path, version = 1) => {
      const image = { name: actor, publisher: 'wapc-rs', version, digest: path, grants, bindings: BINDINGS }
      return host.load({ ...image, bytes: readFileSync(join(folder, path)) })
    },
    call: async (operation, payload, deadlineMs = DEADLINE_MS) =>
      (await host.call({ actor, operation, payload: Buffer.from(payload), deadlineMs })).payload,
  }
}

function expectAsked({ asked }: Guest, binding: string, capability: string, operation: string, payload?: string): void {
  const [first] = asked
  const found = first && [first.binding, first.capability, first.operation].join(' ')
  expect(found, [binding, capability, operation].join(' '))
  if (payload !== undefined) expect(text(first!.payload), payload)
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
