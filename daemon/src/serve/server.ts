import { createServer as createHttpServer, type Server as HttpServer, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { TeapotError } from '@teapot-network/trust'
import { defaultLimits, maxHeaderBytes } from './limits.ts'
import { createServeMetrics } from './metrics.ts'
import type { ServeLimits, ServeParts, Server } from './parts.ts'
import { asTeapotError, statusOf } from './reply.ts'
import { createListener } from './routes.ts'

/**
 * Starts the box's HTTP server over its parts and waits until it listens.
 * @throws TeapotError `serve/port-in-use`, `serve/cannot-listen`
 */
export async function createServer(parts: ServeParts): Promise<Server> {
  const limits: ServeLimits = { ...defaultLimits, ...parts.limits }
  const listener = createListener(parts, limits, createServeMetrics())
  const http = createHttpServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(5_000, Math.ceil(limits.headersTimeoutMs / 2)),
      noDelay: true,
    },
    listener,
  )
  http.maxConnections = limits.connections
  http.timeout = limits.keepAliveTimeoutMs
  http.on('clientError', refuseConnection)
  const port = await listen(http, parts.listen)
  const { host } = parts.listen
  return {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    [Symbol.asyncDispose]: () => close(http, limits.drainTimeoutMs),
  }
}

function listen(http: HttpServer, { host, port }: ServeParts['listen']): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(host, port, cause)))
    http.listen({ host, port }, () => resolve((http.address() as AddressInfo).port))
  })
}

function cannotListen(host: string, port: number, cause: NodeJS.ErrnoException): TeapotError {
  if (cause.code === 'EADDRINUSE') {
    return new TeapotError(
      'serve/port-in-use',
      `Cannot listen on ${host}:${port}: another process does; stop it, or choose another port (0 picks a free one)`,
      { kind: 'unavailable', cause },
    )
  }
  return new TeapotError('serve/cannot-listen', `Cannot listen on ${host}:${port}: ${cause.message}`, {
    kind: 'fault',
    cause,
  })
}

/** Node's parser gave up on a connection: too large a head, too slow, or not HTTP. */
function refuseConnection(cause: NodeJS.ErrnoException, socket: Duplex): void {
  if (cause.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const failure = parserFailure(cause)
  const { code, message, kind } = asTeapotError(failure)
  const status = statusOf(code, kind)
  const body = JSON.stringify({ code, message })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\nconnection: close\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function parserFailure(cause: NodeJS.ErrnoException): TeapotError {
  switch (cause.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new TeapotError(
        'serve/headers-too-large',
        `Cannot read the request: more than ${maxHeaderBytes} bytes of head`,
      )
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new TeapotError('serve/request-timeout', 'Cannot read the request: it came too slowly')
    default:
      return new TeapotError('serve/malformed-request', `Cannot read the request: not HTTP/1.1 (${cause.code})`)
  }
}

/** Stops accepting, lets answers in flight finish, closes idle connections meanwhile, and cuts what is left in the end. */
async function close(http: HttpServer, drainTimeoutMs: number): Promise<void> {
  if (!http.listening) return
  const closed = new Promise<void>((resolve) => http.close(() => resolve()))
  const idle = setInterval(() => http.closeIdleConnections(), 25)
  const cut = setTimeout(() => http.closeAllConnections(), drainTimeoutMs)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
