import type { IncomingMessage, ServerResponse } from 'node:http'
import { decodeFirstMessagePack, encodeMessagePack } from '@teapot-network/host/message-pack'
import { TeapotError } from '@teapot-network/trust'
import { type Exchange, takeCall } from './body.ts'
import { proofHeaders, sendFailedCall } from './open-call.ts'
import type { Answer, AppRoutes, Performed, ServeParts } from './parts.ts'
import { perform } from './perform.ts'
import { sendBytes, sendJson } from './reply.ts'

/** Where the paths of apps begin. */
export const appPrefix = '/apps/'

/** Pages of strangers run without an origin: they must not act as the node's own. */
const PAGE_POLICY = 'sandbox allow-scripts allow-forms allow-popups'
/** Headers that belong to the connection (RFC 9110 §7.6.1), to the node, to the length that it counts itself, or to all apps of its origin. */
const NOT_THE_ACTORS = new RegExp(
  `^(${[
    'connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|access-control-.*|teapot-.*',
    'content-security-policy|set-cookie|clear-site-data|strict-transport-security|alt-svc|nel|report-to|reporting-endpoints',
    'www-authenticate|service-worker-allowed|use-as-dictionary|accept-ch',
  ].join('|')})$`,
  'i',
)
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]{0,4096}$/

/**
 * Answers `/apps/<app>/<path>`: the request goes to the actor that the app's manifest names for the path, as waSCC HTTP actors
 * take it (spec/call.md §8).
 */
export function answerAppRequest(parts: ServeParts & { apps: AppRoutes }, exchange: Exchange): void {
  const { limits, metrics, request, response } = exchange
  const { app, path, queryString } = parseAppTarget(request.url!)
  const method = request.method!
  const actor = parts.apps(app, path, method)
  takeCall(exchange, limits.bodyBytes, (body, refuse, ended) => {
    const startMs = performance.now()
    const payload = encodeMessagePack({ method, path, queryString, header: headersOf(request), body })
    perform(parts, { actor, operation: 'HandleRequest', payload }, 'inline', (failure, performed) => {
      ended()
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
  try {
    return readPage(decodeFirstMessagePack(payload))
  } catch {
    return undefined
  }
}

function readPage(found: unknown): Page | undefined {
  if (!(found instanceof Map)) return undefined
  const [status, header, body]: unknown[] = ['statusCode', 'header', 'body'].map((name) => found.get(name))
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return undefined
  const bytes = bytesOf(body)
  if (bytes === undefined) return undefined
  const page: Page = {
    status,
    type: 'application/octet-stream',
    headers: ['content-security-policy', PAGE_POLICY],
    body: bytes,
  }
  for (const [name, value] of header instanceof Map ? header : []) {
    const values = [value].flat().filter((one) => typeof one === 'string' && HEADER_VALUE.test(one)) as string[]
    if (!HEADER_NAME.test(name) || NOT_THE_ACTORS.test(name)) continue
    if (name.toLowerCase() === 'content-type') page.type = values[0] ?? page.type
    else for (const one of values) page.headers.push(name, one)
  }
  return page
}

/** Old actors send an array of numbers. */
function bytesOf(body: unknown): Uint8Array | undefined {
  if (body instanceof Uint8Array) return body
  if (!Array.isArray(body)) return undefined
  const bytes = Uint8Array.from(body, Number)
  return bytes.every((byte, i) => byte === body[i]) ? bytes : undefined
}
