// wasmCloud/wascc-host: every actor in `examples/.assets`, each doing what the examples and tests beside it have it do, on our host
// and our providers. Nothing is skipped. None of their claims expires.
//
// Each is sent what it was built to read: waSCC's MessagePack maps, but `kvcounter_tweaked.wasm`, which is older: arrays, and
// bytes as numbers. A portable provider (`wasi_provider.wasm`) is an actor that serves a capability to another.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMulti, encode } from '@msgpack/msgpack'
import type { HostError } from '@teapot-network/host'
import { expect, playAll, type Suite } from './suite.ts'
import { BoxPlayer, type LoadOptions, openWasccBox } from './wascc-box.ts'

/** The case of one module. */
class Player extends BoxPlayer {
  bytes(file = this.name): Uint8Array {
    return readFileSync(join(this.folder, file))
  }

  load(options: LoadOptions = {}, file?: string): Promise<void> {
    return this.box.load(this.name, this.bytes(file), options)
  }

  async get(path: string): Promise<unknown> {
    return JSON.parse(await this.send({ path }))
  }
}

const KEYVALUE = 'wascc:keyvalue'
const HTTP = { name: 'default', capability: 'wascc:http_server' }
const PATH = '/conformance/1'

const bind = (capability: string, settings: Record<string, string> = {}) => [
  HTTP,
  { name: 'default', capability, settings },
]

async function echo(player: Player): Promise<void> {
  await player.load({ bindings: [HTTP] })
  const answer = await player.get('/')
  expect(answer, { method: 'GET', path: '/', query_string: '', headers: { accept: '*/*' }, body: [] })
}

/** Counts up at every request, and is bound to no more than it claims (`tests/auth.rs`). */
async function counter(player: Player, field = 'counter'): Promise<void> {
  await player.box.provider('keyvalue')
  const bindings = [...bind(KEYVALUE), { name: 'default', capability: 'wascc:messaging' }]
  await player.load({ bindings, grants: ['wascc:messaging'] })
  for (const count of [1, 2, 3]) expect(await player.get(PATH), { [field]: count })
  expect(player.box.capabilities(player.name).includes('wascc:messaging'), false)
}

/** Takes over from its earlier version, and goes on counting (`examples/replace.rs`). */
async function replaced(player: Player): Promise<void> {
  await player.box.provider('keyvalue')
  await player.load({ bindings: bind(KEYVALUE) }, 'kvcounter.wasm')
  expect(await player.get(PATH), { counter: 1 })
  await player.load({ bindings: bind(KEYVALUE), version: 2 })
  const request = encode(['GET', PATH, '', {}, []])
  const [answer] = values(await player.box.call(player.name, 'HandleRequest', request))
  const body = (answer as unknown[])[3] as number[]
  expect(JSON.parse(Buffer.from(body).toString()), { counter: 2, tweaked: true })
}

/** Two stores, told apart by the names of their bindings (`examples/named_bindings.rs`). */
async function namedBindings(player: Player): Promise<void> {
  const stores = ['source1', 'source2']
  for (const name of stores) await player.box.provider('keyvalue', name)
  const bindings = stores.map((name) => ({ name, capability: KEYVALUE, provider: name }))
  await player.load({ bindings: [HTTP, ...bindings] })
  expect(await player.get(PATH), { counter_1: 1, counter_2: 2 })
  expect(await player.get(PATH), { counter_1: 2, counter_2: 4 })
}

async function extras(player: Player): Promise<void> {
  await player.box.provider('extras')
  await player.load({ bindings: bind('wascc:extras') })
  const first = (await player.get('/')) as { guid: string; random: number; sequence: number }
  const second = (await player.get('/')) as typeof first
  expect(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(first.guid), true)
  expect(first.random >= 0 && first.random <= 100, true)
  expect([second.guid === first.guid, second.sequence], [false, first.sequence + 1])
}

async function logger(player: Player): Promise<void> {
  await player.box.provider('logging')
  await player.load({ bindings: bind('wascc:logging') })
  await player.send()
  const lines = readFileSync(player.box.file('logging', 'log.jsonl'), 'utf8').trim().split('\n')
  const told = lines.map((line) => JSON.parse(line) as { actor: string; level: string; body: string })
  expect(
    told.map(({ actor, level, body }) => [actor, level, body.slice(0, 16)]),
    [
      [player.name, 'info', 'Received request'],
      [player.name, 'warn', 'Received an HTTP'],
    ],
  )
}

/** Gets what is published under the subject that it is bound to, and nothing else (`examples/subscriber.rs`). */
function subscriber(subject: string): (player: Player) => Promise<void> {
  return async (player) => {
    const { box } = player
    await box.provider('messaging')
    await player.load({
      bindings: [{ name: 'default', capability: 'wascc:messaging', settings: { subscribe: subject } }],
    })
    for (const to of ['nobody', subject])
      await box.ask('wascc:messaging', 'Publish', encode({ subject: to, replyTo: '', body: Buffer.from('hi') }))
    const received = () => box.console.filter((line) => line.includes('BrokerMessage'))
    for (let i = 0; i < 200 && received().length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 20))
    const message = `Received message broker message: BrokerMessage { subject: "${subject}", reply_to: "", body: [104, 105] }`
    expect(received(), [message])
  }
}

/** An actor and its portable provider (`examples/portable_provider.rs`). */
async function portable(player: Player): Promise<void> {
  const { box } = player
  await box.load('provider', player.bytes('wasi_provider.wasm'), { serves: 'wascc:wasidemo' })
  await player.load({ bindings: bind('wascc:wasidemo') })
  expect(await player.get('/'), { result: 120 })
}

/** What a portable provider says of itself, and does (WASI besides waPC). */
async function portableProvider(player: Player): Promise<void> {
  const { box, name } = player
  await player.load()
  const [descriptor] = values(await box.call(name, 'GetCapabilityDescriptor', encode({ placeholder: true })))
  expect((descriptor as { id: string }).id, 'wascc:wasidemo')
  expect(values(await box.call(name, 'DoCustomThing', encode({ super_secret: 12 }))), [{ reply_value: 120 }])
  expect(
    box.console.map((line) => line.trim()),
    ['** WASI PROVIDER STDOUT ** Received Invocation! Super Secret Value - 12'],
  )
}

const CASES: Record<string, (player: Player) => Promise<void>> = {
  'as-actor.wasm': (player) => counter(player, 'count'),
  'echo.wasm': echo,
  'echo2.wasm': echo,
  'extras.wasm': extras,
  'kvcounter.wasm': counter,
  'kvcounter_tweaked.wasm': replaced,
  'logger.wasm': logger,
  'multibinding.wasm': namedBindings,
  'subscriber.wasm': subscriber('test'),
  'subscriber2.wasm': subscriber('second_test'),
  'wasi_consumer.wasm': portable,
  'wasi_provider.wasm': portableProvider,
}

/** Runs all twelve, each in a box of its own. */
export const run: Suite = async (directory, report) => {
  const folder = join(directory, 'examples', '.assets')
  if (!existsSync(folder)) throw new Error(`Expected modules in ${folder}, found none`)
  const cases = Object.entries(CASES).map(([name, play]) => {
    const playOne = async () => {
      await using box = await openWasccBox()
      const player = new Player(box, folder, name)
      await refuseTampered(player)
      await play(player)
    }
    return [name, playOne] as const
  })
  await playAll(cases, report)
}

/** The claims in each are genuine, and so not for the same module with one bit changed. */
async function refuseTampered(player: Player): Promise<void> {
  const tampered = Uint8Array.from(player.bytes())
  tampered[100]! ^= 1
  const code = await player.box.load(player.name, tampered).then(
    () => 'loaded',
    (error: HostError) => error.code,
  )
  expect(code, 'host/claims-of-another-module')
}

/** All values in a payload: one AssemblyScript actor leaves a stray byte behind its answer. */
function values(payload: Uint8Array): unknown[] {
  return [...decodeMulti(Uint8Array.from(payload))]
}
