import type { IncomingMessage, ServerResponse } from 'node:http'
import { TeapotError } from '@teapot-network/trust'
import { answerAppRequest, appPrefix } from './app-request.ts'
import { type Exchange, takeBody } from './body.ts'
import { answerLogRequest, readCount } from './log-request.ts'
import type { ServeMetrics } from './metrics.ts'
import { answerOpenCall, openCallPrefix } from './open-call.ts'
import type { ServeLimits, ServeParts } from './parts.ts'
import { asTeapotError, fresh, noSuchRoute, sendBytes, sendFailure, sendJson } from './reply.ts'
import { answerSealedCall } from './sealed-call.ts'

/** What a route gets: the request, where to answer, and the rest of the path after the route's own part. */
type Handler = (request: IncomingMessage, response: ServerResponse, rest: string) => void

interface Route {
  /** Ends with `/` when something must follow. */
  path: string
  methods: readonly string[]
  handle: Handler
}

const reading = ['GET', 'HEAD']

/** The request listener of a box: unsealed calls first, then a table of everything else (spec/call.md §1). */
export function createListener(
  parts: ServeParts,
  limits: ServeLimits,
  metrics: ServeMetrics,
): (request: IncomingMessage, response: ServerResponse) => void {
  const routes = createRoutes(parts, limits, metrics)
  return (request, response) => {
    const url = request.url!
    try {
      if (request.method === 'POST' && url.startsWith(openCallPrefix)) {
        answerOpenCall(parts, { limits, metrics, request, response })
      } else dispatch(routes, request, response, url)
    } catch (failure) {
      metrics.refused(asTeapotError(failure).code)
      sendFailure(response, failure)
    }
  }
}

function dispatch(routes: readonly Route[], request: IncomingMessage, response: ServerResponse, url: string): void {
  const queryAt = url.indexOf('?')
  const path = queryAt < 0 ? url : url.slice(0, queryAt)
  const route = routes.find((r) =>
    r.path.endsWith('/') ? path.startsWith(r.path) && path !== r.path : path === r.path,
  )
  if (route === undefined) {
    throw noSuchRoute(path)
  }
  if (request.method === 'OPTIONS') preflight(response, route)
  else if (!route.methods.includes(request.method!)) {
    const failure = new TeapotError(
      'serve/method-not-allowed',
      `Cannot ${request.method} ${route.path}: expected ${route.methods.join(' or ')}`,
    )
    sendFailure(response, failure, ['allow', route.methods.join(', ')])
  } else route.handle(request, response, path.slice(route.path.length))
}

function createRoutes(parts: ServeParts, limits: ServeLimits, metrics: ServeMetrics): Route[] {
  const { evidence, receipts, gateway, acceptBlock, apps } = parts
  const routes: Route[] = [
    {
      path: '/v1/calls',
      methods: ['POST'],
      handle: (request, response) => answerSealedCall(parts, { limits, metrics, request, response }),
    },
    {
      path: openCallPrefix,
      methods: ['POST'],
      handle: (request, response) => answerOpenCall(parts, { limits, metrics, request, response }),
    },
    { path: '/healthz', methods: reading, handle: (_, response) => sendBytes(response, 200, 'text/plain', ok) },
    { path: '/v1/status', methods: reading, handle: (_, response) => sendJson(response, 200, parts.status(), fresh) },
    {
      path: '/v1/evidence',
      methods: reading,
      handle: (_, response) => {
        const current = evidence.current()
        if (current === undefined) throw notYet('evidence', 'this run made no quote so far')
        sendBytes(response, 200, 'application/cbor', current.bytes, ['teapot-evidence', current.digest, ...fresh])
      },
    },
    {
      path: '/v1/evidence/',
      methods: reading,
      handle: (_, response, digest) => {
        const bytes = evidence.get(digest as `0x${string}`)
        if (bytes === undefined) throw new TeapotError('serve/unknown-evidence', 'Cannot find evidence of that digest')
        sendBytes(response, 200, 'application/cbor', bytes, ['teapot-evidence', digest])
      },
    },
    { path: '/metrics', methods: reading, handle: (_, response) => sendMetrics(response, parts, metrics) },
  ]
  if (receipts !== undefined) {
    routes.push({
      path: '/v1/receipts/',
      methods: reading,
      handle: (request, response, id) => {
        const size = readCount(request.url!, 'size')
        const gone = new AbortController()
        response.once('close', () => gone.abort())
        receipts.receipt(id, { signal: gone.signal, ...(size !== undefined && { size }) }).then(
          ({ receipt }) => sendBytes(response, 200, 'application/cbor', receipt, fresh),
          (failure) => sendFailure(response, failure),
        )
      },
    })
    routes.push({
      path: '/v1/checkpoint',
      methods: reading,
      handle: (_, response) => sendBytes(response, 200, 'application/cbor', receipts.checkpoint(), fresh),
    })
    const { log } = receipts
    if (log !== undefined) {
      routes.push({
        path: '/v1/logs/',
        methods: reading,
        handle: (request, response, rest) => answerLogRequest(log, request, response, rest),
      })
    }
  }
  if (gateway !== undefined) routes.push({ path: '/ipfs/', methods: reading, handle: gateway })
  if (apps !== undefined) {
    routes.push({
      path: appPrefix,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      handle: (request, response) => answerAppRequest({ ...parts, apps }, { limits, metrics, request, response }),
    })
  }
  if (acceptBlock !== undefined) {
    routes.push({
      path: '/v1/blocks/',
      methods: ['PUT'],
      handle: (request, response, cid) => takeBlock(acceptBlock, { limits, metrics, request, response }, cid),
    })
  }
  return routes
}

const ok = new TextEncoder().encode('ok\n')

function takeBlock(acceptBlock: NonNullable<ServeParts['acceptBlock']>, exchange: Exchange, cid: string): void {
  takeBody(exchange, exchange.limits.blockBytes, (bytes, refuse) => {
    acceptBlock(cid, bytes).then(() => sendJson(exchange.response, 201, { cid }), refuse)
  })
}

function sendMetrics(response: ServerResponse, parts: ServeParts, metrics: ServeMetrics): void {
  const text = metrics.render() + (parts.metrics?.() ?? '')
  sendBytes(response, 200, 'text/plain; version=0.0.4', new TextEncoder().encode(text), fresh)
}

function preflight(response: ServerResponse, route: Route): void {
  sendBytes(response, 204, 'text/plain', new Uint8Array(0), [
    'access-control-allow-methods',
    route.methods.join(', '),
    'access-control-allow-headers',
    'content-type',
    'access-control-max-age',
    '86400',
  ])
}

function notYet(what: string, because: string): TeapotError {
  return new TeapotError('serve/not-yet', `Cannot give ${what}: ${because}; try again`, { kind: 'unavailable' })
}
