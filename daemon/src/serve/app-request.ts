import type { IncomingMessage, ServerResponse } from 'node:http'
import { decodeMulti, encode } from '@msgpack/msgpack'
import { TeapotError } from '@teapot-network/trust'
import { readBody } from './body.ts'
import type { ServeMetrics } from './metrics.ts'
import { busy, proofHeaders, sendFailedCall } from './open-call.ts'
import type { Answer, AppRoutes, Performed, ServeLimits, ServeParts } from './parts.ts'
import { perform } from './perform.ts'
import { sendBytes, sendFailure, sendJson } from './reply.ts'

/** Where the paths of apps begin. */
export const appPrefix = '/apps/'

/** Pages of strangers run without an origin: they must not act as the node's own. */
const PAGE_POLICY = 'sandbox allow-scripts allow-forms allow-popups'
/** Headers that belong to the connection (RFC 9110 §7.6.1), to the node, or to the length that it counts itself. */
const NOT_THE_ACTORS =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|content-security-policy|set-cookie|access-control-.*|teapot-.*)$/i
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]{0,4096}$/

/**
 * Answers `/apps/<app>/<path>`: the request goes to the actor that the app's manifest names for the path, as waSCC HTTP actors
 * take it (spec/call.md §8).
 */
export function answerAppRequest(
  parts: ServeParts & { apps: AppRoutes },
  limits: ServeLimits,
  metrics: ServeMetrics,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { app, path, queryString } = parseAppTarget(request.url!)
  const method = request.method!
  const actor = parts.apps(app, path, method)
  const refuse = (failure: unknown, headers?: readonly string[]): void => {
    metrics.refused(failure instanceof TeapotError ? failure.code : 'serve/fault')
    sendFailure(response, failure, headers)
  }
  readBody(request, limits.bodyBytes, (failure, body) => {
    if (failure !== undefined) return refuse(failure, ['connection', 'close'])
    if (metrics.inFlight >= limits.inFlight) return refuse(busy())
    const startMs = performance.now()
    metrics.inFlight++
    const payload = encode({ method, path, queryString, header: headersOf(request), body })
    perform(parts, { actor, operation: 'HandleRequest', payload }, 'inline', (failure, performed) => {
      metrics.inFlight--
      if (performed === undefined) return refuse(failure)
      metrics.answered(performed.answer.outcome, false, (performance.now() - startMs) / 1000)
      sendAnswer(response, performed)
    })
  })
}

/** @throws TeapotError `serve/malformed-request` */
function parseAppTarget(url: string): { app: string; path: string; queryString: string } {
  const [, app = '', path = '', queryString = ''] = /^\/apps\/([^/?]+)(\/[^?]*)?(?:\?(.*))?$/s.exec(url) ?? []
  if (/^[a-z0-9][a-z0-9.-]{0,63}$/.test(app)) return { app, path: path === '' ? '/' : path, queryString }
  throw new TeapotError('serve/malformed-request', `Cannot read the path: expected ${appPrefix}<app>/<path>`)
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const text = ([name, value]: [string, string | string[] | undefined]) => [name, String(value)]
  return Object.fromEntries(Object.entries(headers).map(text))
}

function sendAnswer(response: ServerResponse, performed: Performed): void {
  const { answer } = performed
  if (answer.outcome !== 'ok') {
    sendFailedCall(response, performed)
    return
  }
  const headers = proofHeaders(performed)
  const page = pageOf(answer)
  if (page === undefined) {
    const code = 'serve/malformed-response'
    const message = 'Expected of the actor a map of statusCode, header and body in MessagePack, found something else'
    sendJson(response, 502, { code, message }, headers)
  } else sendBytes(response, page.status, page.type, page.body, [...page.headers, ...headers])
}

interface Page {
  status: number
  type: string
  headers: string[]
  body: Uint8Array
}

/** What an actor answered, as far as it may decide; undefined when it is no answer to HTTP. */
function pageOf({ payload }: Answer): Page | undefined {
  let found: unknown
  try {
    // The first value: an old AssemblyScript actor leaves a stray byte behind it.
    found = decodeMulti(payload).next().value
  } catch {
    return undefined
  }
  const {
    statusCode: status,
    header,
    body,
  } = (found ?? {}) as { statusCode?: unknown; header?: unknown; body?: unknown }
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return undefined
  const bytes = body instanceof Uint8Array ? body : Array.isArray(body) ? Uint8Array.from(body as number[]) : undefined
  if (bytes === undefined) return undefined
  const page: Page = {
    status,
    type: 'application/octet-stream',
    headers: ['content-security-policy', PAGE_POLICY],
    body: bytes,
  }
  for (const [name, value] of Object.entries((header ?? {}) as Record<string, unknown>)) {
    const values = [value].flat().filter((one) => typeof one === 'string' && HEADER_VALUE.test(one)) as string[]
    if (!HEADER_NAME.test(name) || NOT_THE_ACTORS.test(name)) continue
    if (name.toLowerCase() === 'content-type') page.type = values[0] ?? page.type
    else for (const one of values) page.headers.push(name, one)
  }
  return page
}
