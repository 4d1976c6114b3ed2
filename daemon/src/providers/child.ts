import { registerHooks } from 'node:module'
import { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createFrameReader, FrameWriter, parseNamed, sendNamed } from '@teapot-network/host/frames'
import { Parent } from './parent.ts'
import { DEFAULT_PROVIDER_LIMITS, ProviderFrame } from './protocol.ts'
import { type CreateProvider, type Operation, type Provider, ProviderRefusal } from './provider.ts'
import { ServedCall } from './served-call.ts'

/** The process that runs one provider module: `provider.mjs <data directory>`; the module over fd 0, frames over fd 3. */
const [dataDirectory = ''] = process.argv.slice(2)
/** Where its code seems to be; there is no such file. */
const MODULE = 'file:///provider.mjs'
const limits = DEFAULT_PROVIDER_LIMITS
const pipe = new Socket({ fd: 3, readable: true, writable: true })
const writer = new FrameWriter((chunk) => pipe.write(chunk))
const daemon = new Parent(writer)
const begun = Promise.withResolvers<Readonly<Record<string, unknown>>>()
const underWay = new Map<number, ServedCall>()
let provider: Provider | undefined
let closing = false

async function serve(id: number, body: Buffer): Promise<void> {
  try {
    const call = new ServedCall(body, limits)
    underWay.set(id, call)
    const answer = await operationOf(call)(call)
    if (answer.length > limits.responseBytes)
      throw new ProviderRefusal(
        'provider/response-too-large',
        `Expected an answer of at most ${limits.responseBytes} bytes, found ${answer.length}; ask for less`,
      )
    writer.send(ProviderFrame.ok, id, answer)
  } catch (error) {
    refuse(id, error)
  }
  underWay.delete(id)
  finishIfIdle()
}

function operationOf({ capability, operation }: ServedCall): Operation {
  const operations = provider?.capabilities[capability] ?? {}
  const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined
  if (run !== undefined) return run
  throw new ProviderRefusal('provider/unknown-operation', `Expected an operation of ${capability}, found ${operation}`)
}

function refuse(id: number, error: unknown): void {
  const { code, kind, message } = error as { code?: unknown; kind?: unknown; message?: unknown }
  const ours = typeof code === 'string' && code.startsWith('provider/')
  const names = ours ? [code, String(kind ?? 'refused')] : ['provider/failed', 'fault']
  const text = Buffer.from(String(message)).subarray(0, limits.textBytes)
  sendNamed(
    writer,
    ProviderFrame.error,
    id,
    names.map((name) => Buffer.from(name)),
    text,
  )
}

function finishIfIdle(): void {
  if (!closing || underWay.size > 0) return
  provider?.close?.()
  writer.flush()
  pipe.end(() => process.exit(0))
}

function bind(body: Buffer): void {
  const { names, payload } = parseNamed(body, 2, limits)
  provider?.bind?.(names[0]!, names[1]!, JSON.parse(payload.toString()))
}

function receive(type: number, id: number, body: Buffer): void {
  if (type === ProviderFrame.call) void serve(id, body)
  else if (type === ProviderFrame.cancel) underWay.get(id)?.cancel()
  else if (type === ProviderFrame.bindings) bind(body)
  else if (type === ProviderFrame.granted || type === ProviderFrame.denied) daemon.settle(type, id, body)
  else if (type === ProviderFrame.begin) begun.resolve(JSON.parse(body.toString()))
  else if (type === ProviderFrame.close) {
    closing = true
    finishIfIdle()
  }
}

pipe.on('data', createFrameReader(limits.payloadBytes + 5 * (2 + limits.nameBytes) + 2 + limits.settingsBytes, receive))
// The daemon is gone: so is the reason to be here.
for (const event of ['end', 'close', 'error']) pipe.on(event, () => process.exit(0))

const [source, operator] = await Promise.all([buffer(process.stdin), begun.promise])
const hooks = registerHooks({
  resolve: (name, context, next) => (name === MODULE ? { url: MODULE, shortCircuit: true } : next(name, context)),
  load: (url, context, next) =>
    url === MODULE ? { format: 'module', source, shortCircuit: true } : next(url, context),
})
const { default: create } = (await import(MODULE)) as { default: CreateProvider }
hooks.deregister()
provider = await create({ dataDirectory, operator, daemon })
const served = Object.entries(provider.capabilities).map(([id, operations]) =>
  [id, ...Object.keys(operations)].join(' '),
)
writer.send(ProviderFrame.ready, 0, Buffer.from(served.join('\n')))
