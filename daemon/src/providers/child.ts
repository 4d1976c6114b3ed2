import { Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import { createFrameReader, FrameWriter, parseNamed, sendNamed } from '@teapot-network/host/frames'
import { DEFAULT_PROVIDER_LIMITS, ProviderFrame } from './protocol.ts'
import { type CreateProvider, type Provider, ProviderRefusal } from './provider.ts'

/** The process that runs one provider module: `provider.mjs <module> <data directory>`; frames over fd 3. */
const [modulePath = '', dataDirectory = ''] = process.argv.slice(2)
const limits = DEFAULT_PROVIDER_LIMITS
const pipe = new Socket({ fd: 3, readable: true, writable: true })
const writer = new FrameWriter((chunk) => pipe.write(chunk))

const { default: create } = (await import(pathToFileURL(modulePath).href)) as { default: CreateProvider }
const provider: Provider = await create({ dataDirectory })

let active = 0
let closing = false

async function serve(id: number, body: Buffer): Promise<void> {
  active++
  try {
    const { names, payload } = parseNamed(body, 3, limits)
    const [actor, binding, operation] = names as [string, string, string]
    const answer = await provider.invoke({ actor, binding, operation, payload })
    if (answer.length > limits.responseBytes)
      throw new ProviderRefusal(
        'provider/response-too-large',
        `Expected an answer of at most ${limits.responseBytes} bytes, found ${answer.length}; ask for less`,
      )
    writer.send(ProviderFrame.ok, id, answer)
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown }
    const known = typeof code === 'string' && code.startsWith('provider/') ? code : 'provider/failed'
    const text = Buffer.from(String(message)).subarray(0, limits.textBytes)
    sendNamed(writer, ProviderFrame.error, id, [Buffer.from(known)], text)
  }
  active--
  finishIfIdle()
}

function finishIfIdle(): void {
  if (!closing || active > 0) return
  provider.close?.()
  writer.flush()
  pipe.end(() => process.exit(0))
}

function close(): void {
  closing = true
  finishIfIdle()
}

const read = createFrameReader(limits.payloadBytes + 3 * (2 + limits.nameBytes), (type, id, body) => {
  if (type === ProviderFrame.call) void serve(id, body)
  else if (type === ProviderFrame.close) close()
})
pipe.on('data', read)
// The daemon is gone: so is the reason to be here.
for (const event of ['end', 'close', 'error']) pipe.on(event, () => process.exit(0))
const operations = Buffer.from(provider.operations.join('\n'))
sendNamed(writer, ProviderFrame.ready, 0, [Buffer.from(provider.capability)], operations)
