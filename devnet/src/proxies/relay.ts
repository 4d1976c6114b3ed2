import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request and what came back, whole. */
export interface Exchange {
  method: string
  /** Path and query. */
  path: string
  request: Uint8Array
  status: number
  response: Uint8Array
}

/** What is handed back instead of what came: undefined leaves it as it came. */
export type Altered = { response: Uint8Array; headers?: Record<string, string> } | undefined

/** An HTTP server on loopback that stands between two parties. */
export interface Relay extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

/** What a relay asks of whoever uses it. */
export interface RelayBehaviour {
  /** Where to pass requests on to, or undefined while there is nothing there. */
  target(): string | undefined
  /** Runs before a request is passed on. */
  before?(): Promise<void>
  /** Looks at each exchange before its answer is handed back. */
  alter?(exchange: Exchange): Altered | Promise<Altered>
}

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'accept-encoding',
]

/** Starts a relay; `port` 0 or none takes a free one. A target that cannot be reached gives 502. */
export async function createRelay(behaviour: RelayBehaviour, { port = 0 } = {}): Promise<Relay> {
  const server = createServer((incoming, outgoing) => {
    relay(behaviour, incoming, outgoing).catch((error: Error) => {
      if (!outgoing.headersSent) outgoing.writeHead(502, { 'content-type': 'text/plain' })
      outgoing.end(`${error.message}\n`)
    })
  })
  // Whoever asks ends a connection that idles: were it us, a request could meet the end of it.
  server.keepAliveTimeout = 0
  await listen(server, port)
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function relay(behaviour: RelayBehaviour, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const sent = await readAll(incoming)
  await behaviour.before?.()
  const target = behaviour.target()
  if (!target) throw new Error('Cannot pass this on: nobody is behind this address now')
  const answer = await ask(new URL(incoming.url ?? '/', target), incoming, sent)
  const received = await readAll(answer)
  const exchange: Exchange = {
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    request: sent,
    status: answer.statusCode ?? 502,
    response: received,
  }
  const { response, headers }: NonNullable<Altered> = (await behaviour.alter?.(exchange)) ?? exchange
  outgoing.writeHead(exchange.status, { ...endToEnd(answer), ...headers, 'content-length': response.length })
  outgoing.end(exchange.method === 'HEAD' ? undefined : response)
}

function ask(url: URL, incoming: IncomingMessage, body: Uint8Array): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { ...endToEnd(incoming), ...(body.length > 0 && { 'content-length': body.length }) }
    // A connection for each: the target may close one that idles just as it is used again.
    const outgoing = request(url, { method: incoming.method, headers, agent: false }, resolve)
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function endToEnd({ headers }: IncomingMessage) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)))
}

async function readAll(message: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of message) parts.push(part)
  return Buffer.concat(parts)
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}
