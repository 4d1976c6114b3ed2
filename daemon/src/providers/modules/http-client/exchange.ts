import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { ProviderRefusal } from '../../provider.ts'
import type { CheckedAddress } from '../network/reachable.ts'
import { fromRaw, type Header, toRaw } from './headers.ts'

/** One request to one server. */
export interface ExchangeRequest {
  readonly method: string
  readonly url: URL
  readonly headers: readonly Header[]
  readonly body: Uint8Array
}

/** Its answer, as it came: nothing is decompressed. */
export interface ExchangeResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly Header[]
  readonly body: Uint8Array
}

/** How a request is made. */
export interface ExchangeOptions {
  /** The only addresses that are connected to. */
  readonly addresses: readonly CheckedAddress[]
  /** Further certificate authorities, PEM. */
  readonly ca: string | undefined
  readonly maxBodyBytes: number
  readonly signal: AbortSignal
}

const MAX_HEADER_BYTES = 32 << 10
/** Of several addresses each has so long: Node's half a second gives up a server that is far away, or a machine that is busy. */
const EACH_ADDRESS = { autoSelectFamilyAttemptTimeout: 2_000 }

/**
 * Makes one request on a connection of its own, so that no binding ever uses what another was allowed to open.
 * @throws ProviderRefusal `provider/malformed-payload`, `provider/response-too-large`, `provider/unreachable`, `provider/deadline`
 */
export async function exchange(asked: ExchangeRequest, options: ExchangeOptions): Promise<ExchangeResponse> {
  try {
    const response = await send(asked, options)
    const body = await readBody(response, options.maxBodyBytes)
    const { statusCode = 0, statusMessage = '', rawHeaders } = response
    return { status: statusCode, statusText: statusMessage, headers: fromRaw(rawHeaders), body }
  } catch (error) {
    throw asRefusal(error, asked.url, options.signal)
  }
}

function send({ method, url, headers, body }: ExchangeRequest, options: ExchangeOptions): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { signal, addresses, ca } = options
  const own = ['Host', url.host, ...(body.length > 0 || method !== 'GET' ? ['Content-Length', `${body.length}`] : [])]
  const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    method,
    // No pool, and no second look at the name.
    agent: false,
    lookup: only(addresses),
    ...EACH_ADDRESS,
    headers: [...toRaw(headers), ...own, 'Connection', 'close'],
    maxHeaderSize: MAX_HEADER_BYTES,
    signal,
    ...(ca === undefined ? {} : { ca }),
  })
  request.on('response', resolve)
  request.on('upgrade', (_response, socket) => {
    socket.destroy()
    reject(new Error('an upgrade that nobody asked for'))
  })
  request.on('error', reject)
  request.end(body)
  return promise
}

/** Looks nothing up: gives what was checked. */
function only(addresses: readonly CheckedAddress[]): LookupFunction {
  return (_host, { all }, callback) => {
    if (all) callback(null, [...addresses])
    else callback(null, addresses[0]!.address, addresses[0]!.family)
  }
}

async function readBody(response: IncomingMessage, most: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += (chunk as Buffer).length
    // Leaving the loop destroys the response, and its connection.
    if (size > most)
      throw new ProviderRefusal('provider/response-too-large', `Expected a body of at most ${most} bytes, found more`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

function asRefusal(error: unknown, url: URL, signal: AbortSignal): Error {
  if (error instanceof ProviderRefusal) return error
  const { code = '', message } = error as { code?: string; message: string }
  if (signal.aborted)
    return new ProviderRefusal('provider/deadline', `Expected ${url.origin} to answer in time, found no answer`, {
      kind: 'unavailable',
    })
  if (['ERR_INVALID_CHAR', 'ERR_INVALID_HTTP_TOKEN', 'ERR_UNESCAPED_CHARACTERS'].includes(code))
    return new ProviderRefusal('provider/malformed-payload', `Expected a request that HTTP can carry, found ${message}`)
  return new ProviderRefusal('provider/unreachable', `Expected an answer of ${url.origin}, found ${message}`, {
    kind: 'unavailable',
    cause: error,
  })
}
