// wasmCloud/wasmCloud: every `http_*.wasm` among its tests' fixtures (wasi:http 0.2 components, built and committed from its examples up
// to February 2026; later commits hold their source alone), each doing what the tests beside it have it do
// (`integration_http_*.rs`), on our host and our providers.
//
// Skipped: `http_webgpu.wasm`, since nothing grants `wasi:webgpu`; it is seen to be refused by that name. The counters ask example.com:
// the suite leads that to a server of its own, which the HTTP client reaches as it would any other.
import { globSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { decode, encode } from '@msgpack/msgpack'
import type { Binding, CapabilityInvocation, HostError } from '@teapot-network/host'
import { expect, playAll, type Suite } from './suite.ts'
import { BoxPlayer, openWasccBox } from './wascc-box.ts'

/** One component in a box, and what it is asked. */
class Player extends BoxPlayer {
  load(bindings: readonly Binding[] = []): Promise<void> {
    const grants = bindings.map(({ capability }) => capability)
    return this.box.load(this.name, readFileSync(join(this.folder, this.name)), { grants, bindings })
  }

  ask(method = 'GET', body = ''): Promise<string> {
    return this.send({ method, body, header: HEADER })
  }

  /** What the component keeps in its container. */
  async object(container: string, name: string): Promise<string> {
    const range = encode([container, name, 0, 1_000_000])
    const bytes = decode(await this.box.ask('wasi:blobstore', 'container.get-data', range, this.name))
    return Buffer.from(bytes as Uint8Array).toString()
  }
}

const HEADER = { host: 'foo', accept: '*/*' }
const PAGE = '<h1>Example Domain</h1>'
const EXAMPLE = /^https?:\/\/example\.com(?=\/)/

async function hello(player: Player): Promise<void> {
  await player.load()
  expect((await player.ask()).trim(), 'Hello from Rust!')
}

/** Keeps what it is sent, and answers with what it has kept. */
async function blobstore(player: Player): Promise<void> {
  await player.box.provider('blobstore')
  await player.load(bind('wasi:blobstore'))
  for (const text of ['Hello, blobstore world!', 'x'.repeat(600_000)]) {
    expect(await player.ask('POST', text), text)
    expect(await player.object('my-container-real', 'hi.txt'), text)
  }
}

/** Reads its settings, fetches a page, keeps it, and answers with how often it was asked; also when asked five times at once. */
async function counter(player: Player): Promise<void> {
  const { box } = player
  for (const module of ['blobstore', 'config', 'http-client', 'keyvalue', 'logging']) await box.provider(module)
  await player.load([
    ...bind('wasi:blobstore', 'wasi:keyvalue', 'wasi:logging'),
    { name: 'default', capability: 'wasi:config', settings: { test_key: 'test_value', counter_enabled: 'true' } },
    { name: 'default', capability: 'wasi:http', settings: { private: '127.0.0.0/8' } },
  ])
  expect((await player.ask()).trim(), '1')
  expect((await player.ask('POST', 'increment')).trim(), '2')
  const counts = await Promise.all([1, 2, 3, 4, 5].map(() => player.ask()))
  expect(counts.map(Number).sort(), [3, 4, 5, 6, 7])
  expect(await player.object('http-responses', 'example-com-response'), PAGE)
  const log = readFileSync(box.file('logging', 'log.jsonl'), 'utf8')
  for (const line of [
    'Config key: test_key = test_value',
    `stored ${PAGE.length} bytes`,
    'processed request, count: 7',
  ])
    if (!log.includes(line)) throw new Error(`Expected ${JSON.stringify(line)} in its log, found ${log}`)
}

/** @throws Error unless it is refused by the name of what nobody grants */
async function refusedByName(player: Player): Promise<void> {
  const said = await player.load().then(
    () => 'loaded',
    ({ code, message }: HostError) => `${code}: ${message}`,
  )
  if (!/^host\/forbidden-import: .*wasi:(?:webgpu|graphics-context)\//.test(said))
    throw new Error(`Expected a refusal that names the import, found ${said}`)
}

const CASES: Record<string, { play: (player: Player) => Promise<void>; skipped?: string }> = {
  'http_blobstore.wasm': { play: blobstore },
  'http_counter.wasm': { play: counter },
  'http_hello_world_rust.wasm': { play: hello },
  'http_keyvalue_counter.wasm': { play: counter },
  'http_webgpu.wasm': { play: refusedByName, skipped: 'wasi:webgpu is granted to nobody; refused by that name' },
}

/** Runs each that is there, in a box of its own. */
export const run: Suite = async (directory, report) => {
  const files = globSync('{tests,crates/*/tests}/fixtures/http_*.wasm', { cwd: directory }).sort()
  if (files.length === 0) throw new Error(`Expected tests/fixtures/http_*.wasm in ${directory}, found none`)
  await using example = await serveExample()
  const cases = files.map((name) => {
    const playOne = async () => {
      const { play, skipped } = CASES[basename(name)] ?? unknown(name)
      await using box = await openWasccBox({ operator: OPERATOR(name), divert: example.divert })
      await play(new Player(box, directory, name))
      return skipped
    }
    return [name, playOne] as const
  })
  await playAll(cases, report)
}

/** The machine's owner lets the component reach this machine. */
const OPERATOR = (actor: string) => ({ 'http-client': { private: { [actor]: ['127.0.0.0/8'] } } })

function unknown(name: string): never {
  throw new Error(`Expected a component that this suite knows, found ${name}`)
}

const bind = (...capabilities: string[]): Binding[] =>
  capabilities.map((capability) => ({ name: 'default', capability }))

/** A server that is example.com, and what leads requests there. */
async function serveExample() {
  const server = createServer((_, response) => void response.end(PAGE))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    divert(invocation: CapabilityInvocation): CapabilityInvocation {
      if (invocation.capability !== 'wasi:http') return invocation
      const [request] = decode(invocation.payload) as [{ url: string }]
      if (!EXAMPLE.test(request.url)) throw new Error(`Expected a request to example.com, found ${request.url}`)
      const payload = encode([{ ...request, url: request.url.replace(EXAMPLE, origin) }])
      return { ...invocation, payload, settings: { ...invocation.settings, allow: origin } }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
