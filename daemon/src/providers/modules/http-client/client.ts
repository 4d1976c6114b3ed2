import { type ProviderCall, ProviderRefusal } from '../../provider.ts'
import { privateExceptions, reachable } from '../network/reachable.ts'
import { parseAllowList } from './allow-list.ts'
import { type ExchangeResponse, exchange } from './exchange.ts'
import { type Header, headersToSend, withoutCredentials } from './headers.ts'

/** What an actor asks for. */
export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: readonly Header[]
  readonly body: Uint8Array
  /** Less than the provider's own limit. */
  readonly timeoutMs?: number | undefined
  /** Whether redirects are followed; otherwise they are the answer. */
  readonly follow: boolean
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const MAX_REDIRECTS = 5
const MAX_MS = 9_000
/** Leaves room for the headers in an answer of 1 MiB. */
const MAX_BODY_BYTES = (1 << 20) - (48 << 10)
const REDIRECTS = [301, 302, 303, 307, 308]

/**
 * Asks for an actor, within its binding's allow-list and among public addresses; both are checked anew for each redirect.
 * @throws ProviderRefusal `provider/bad-url`, `provider/not-allowed`, `provider/address-refused`, `provider/bad-settings`,
 * `provider/too-many-redirects`, and as {@link exchange}
 */
export async function performRequest(
  asked: HttpRequest,
  call: ProviderCall,
  operator: Readonly<Record<string, unknown>>,
): Promise<ExchangeResponse> {
  const allows = parseAllowList(call.settings['allow'])
  const exceptions = privateExceptions(operator, call)
  const ca = typeof operator['ca'] === 'string' ? operator['ca'] : undefined
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(Math.min(asked.timeoutMs ?? MAX_MS, MAX_MS))])
  let request = {
    method: methodOf(asked.method),
    url: urlOf(asked.url),
    headers: headersToSend(asked.headers),
    body: asked.body,
  }
  for (let redirects = 0; ; redirects++) {
    const { url } = request
    if (!allows(url)) throw notAllowed(url)
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
    const addresses = await reachable(url.hostname.replace(/^\[|\]$/g, ''), port, exceptions, signal)
    const response = await exchange(request, { addresses, ca, maxBodyBytes: MAX_BODY_BYTES, signal })
    const next = asked.follow ? redirectOf(response, url) : undefined
    if (next === undefined) return response
    if (redirects === MAX_REDIRECTS)
      throw new ProviderRefusal(
        'provider/too-many-redirects',
        `Expected at most ${MAX_REDIRECTS} redirects, found more`,
      )
    request = redirected(request, response.status, next)
  }
}

function methodOf(text: string): string {
  const method = text.toUpperCase()
  if (METHODS.includes(method)) return method
  throw new ProviderRefusal(
    'provider/malformed-payload',
    `Expected a method of ${METHODS.join(', ')}, found ${text.slice(0, 20)}`,
  )
}

function urlOf(text: string, base?: URL): URL {
  const url = URL.parse(text, base)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new ProviderRefusal(
      'provider/bad-url',
      `Expected a URL of http or https without a password, found ${JSON.stringify(text.slice(0, 200))}`,
    )
  url.hash = ''
  return url
}

function notAllowed(url: URL): ProviderRefusal {
  return new ProviderRefusal(
    'provider/not-allowed',
    `Expected an origin that the binding's setting allow names, found ${url.origin}`,
  )
}

function redirectOf({ status, headers }: ExchangeResponse, from: URL): URL | undefined {
  if (!REDIRECTS.includes(status)) return undefined
  const location = headers.find(([name]) => name.toLowerCase() === 'location')
  return location === undefined ? undefined : urlOf(Buffer.from(location[1]).toString('latin1'), from)
}

type Outgoing = { method: string; url: URL; headers: Header[]; body: Uint8Array }

/** The method stays, or becomes GET, as browsers do it (Fetch, HTTP-redirect fetch; RFC 9110 §15.4). */
function redirected(request: Outgoing, status: number, url: URL): Outgoing {
  const { method } = request
  const becomesGet = status === 303 ? method !== 'HEAD' : status < 303 && method === 'POST'
  const kept = url.origin === request.url.origin ? request.headers : withoutCredentials(request.headers)
  if (!becomesGet) return { ...request, url, headers: kept }
  const headers = kept.filter(([name]) => !name.toLowerCase().startsWith('content-'))
  return { method: 'GET', url, headers, body: new Uint8Array(0) }
}
