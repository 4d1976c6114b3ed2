import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeMulti, encode } from '@msgpack/msgpack'
import { buildModule } from '@teapot-network/daemon/build-image'
import { createProviderSupervisor } from '@teapot-network/daemon/providers'
import { type Binding, type CapabilityInvocation, createHost, type Host, readClaims } from '@teapot-network/host'

/** Host and providers as a box has them, for actors of waSCC and wasmCloud. */
export interface WasccBox extends AsyncDisposable {
  /** What actors wrote to their console, in one. */
  readonly console: string[]
  /** Starts a provider by its module's name, under a name of its own where there are to be several. */
  provider(module: string, name?: string): Promise<void>
  /** Loads an actor with what it claims as its grants, and with these bindings. */
  load(name: string, bytes: Uint8Array, options?: LoadOptions): Promise<void>
  call(actor: string, operation: string, payload: Uint8Array): Promise<Uint8Array>
  /** Asks a provider as an actor would that has every right, `suite` unless named. */
  ask(capability: string, operation: string, payload: Uint8Array, actor?: string): Promise<Uint8Array>
  /** Names of capabilities that an actor may use. */
  capabilities(actor: string): string[]
  /** Path of a file that a provider wrote. */
  file(provider: string, file: string): string
}

export interface LoadOptions {
  readonly bindings?: readonly Binding[]
  readonly version?: number
  /** Grants besides what the module claims. */
  readonly grants?: readonly string[]
  /** Actors that serve a capability, as waSCC's portable providers do. */
  readonly serves?: string
}

export interface BoxOptions {
  /** What the machine's owner sets for providers, by name. */
  readonly operator?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Stands between host and providers, as the network's names do: to lead a suite's requests to a server of its own. */
  readonly divert?: (invocation: CapabilityInvocation) => CapabilityInvocation
}

const PUBLISHER = 'wascc-host'
const PROVIDER_GRANTS = ['node:sqlite', 'actors', 'content', 'net']
const DEADLINE_MS = 10_000
const source = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Opens a box with nothing in it. */
export async function openWasccBox({ operator = {}, divert }: BoxOptions = {}): Promise<WasccBox> {
  const folder = mkdtempSync(join(tmpdir(), 'teapot-wascc-'))
  await using parts = new AsyncDisposableStack()
  parts.defer(() => rmSync(folder, { recursive: true, force: true }))
  const console: string[] = []
  const portable = new Map<string, string>()
  const providerEntry = join(folder, 'provider.mjs')
  await buildModule({ source: 'daemon/src/providers/child.ts', outFile: providerEntry })
  const call: WasccBox['call'] = async (actor, operation, payload) =>
    (await host.call({ actor, operation, payload, deadlineMs: DEADLINE_MS })).payload
  const services = { ...blocksInMemory(), callActor: call }
  const providers = parts.use(
    createProviderSupervisor({
      nodePath: process.execPath,
      providerEntry,
      dataDirectory: join(folder, 'data'),
      services,
      operator,
    }),
  )
  const host: Host = parts.use(
    await createHost({
      nodePath: process.execPath,
      sandboxEntry: source('host/src/sandbox/main.ts'),
      transpilerEntry: source('host/src/transpiler/main.ts'),
      onLog: ({ text }) => void console.push(text),
      invoke(invocation, signal) {
        const actor = portable.get(invocation.capability)
        if (actor === undefined) return providers.invoke(divert?.(invocation) ?? invocation, signal)
        return call(actor, invocation.operation, invocation.payload)
      },
    }),
  )
  const kept = parts.move()
  return {
    console,
    call,
    async provider(module, name = module) {
      const outFile = join(folder, `${name}.mjs`)
      await buildModule({ source: `daemon/src/providers/modules/${module}.ts`, outFile })
      await providers.load({ name, version: 1, digest: name, bytes: readFileSync(outFile), grants: PROVIDER_GRANTS })
    },
    async load(name, bytes, { bindings, version = 1, grants = [], serves } = {}) {
      const identity = { name, publisher: PUBLISHER, version, digest: `${name} ${version}` }
      const granted = [...claimed(bytes), ...grants]
      await host.load({ ...identity, grants: granted, bytes, ...(bindings && { bindings }) })
      providers.bind(identity, host.list().find((actor) => actor.name === name)?.bindings ?? [])
      if (serves !== undefined) portable.set(serves, name)
    },
    ask: (capability, operation, payload, name = 'suite') => {
      const actor = { name, publisher: PUBLISHER }
      const signal = AbortSignal.timeout(DEADLINE_MS)
      return providers.invoke({ actor, binding: 'default', capability, operation, payload }, signal)
    },
    capabilities: (actor) =>
      host.list().flatMap(({ name, bindings }) => (name === actor ? bindings.map((one) => one.capability) : [])),
    file: (provider, file) => join(folder, 'data', provider, file),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** A module of a suite in a box of its own. */
export class BoxPlayer {
  readonly box: WasccBox
  /** Where its file lies, and that file. */
  readonly folder: string
  readonly name: string

  constructor(box: WasccBox, folder: string, name: string) {
    this.box = box
    this.folder = folder
    this.name = name
  }

  /** Sends an HTTP request. @returns the body of an answer with 200 */
  async send({ method = 'GET', path = '/', header = { accept: '*/*' }, body = '' } = {}): Promise<string> {
    const request = { method, path, queryString: '', header, body: Buffer.from(body) }
    // One AssemblyScript actor leaves a stray byte behind its answer.
    const [answer] = decodeMulti(Uint8Array.from(await this.box.call(this.name, 'HandleRequest', encode(request))))
    const { statusCode, body: answered } = answer as { statusCode: number; body: Uint8Array }
    const text = Buffer.from(answered).toString()
    if (statusCode !== 200) throw new Error(`Expected 200, found ${statusCode}: ${text}`)
    return text
  }
}

/** A content store that lasts as long as the box. */
function blocksInMemory() {
  const blocks = new Map<string, Uint8Array>()
  return {
    async putBlock(bytes: Uint8Array): Promise<string> {
      const cid = createHash('sha256').update(bytes).digest('hex')
      blocks.set(cid, bytes.slice())
      return cid
    },
    async getBlock(cid: string): Promise<Uint8Array> {
      const block = blocks.get(cid)
      if (block === undefined) throw new Error(`Expected a block ${cid}, found none`)
      return block
    },
    dropBlock: async (cid: string): Promise<void> => void blocks.delete(cid),
  }
}

/** What a module claims; the host refuses it when the claims do not hold. */
function claimed(bytes: Uint8Array): readonly string[] {
  try {
    return readClaims(bytes, Date.now() / 1000)?.capabilities ?? []
  } catch {
    return []
  }
}
