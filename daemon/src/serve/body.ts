import type { IncomingMessage, ServerResponse } from 'node:http'
import { TeapotError } from '@teapot-network/trust'
import type { ServeMetrics } from './metrics.ts'
import type { ServeLimits } from './parts.ts'
import { asTeapotError, sendFailure } from './reply.ts'

/** A request, where to answer it, and the bounds and counts of the server that it came to. */
export interface Exchange {
  readonly limits: ServeLimits
  readonly metrics: ServeMetrics
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** Answers with an error, and counts it. */
type Refuse = (failure: unknown) => void

/**
 * Reads a request's body and hands it on once; nothing when the client goes away. A body of one chunk, the usual case, is handed on
 * without a copy. Refused are, with the connection, since what was not read to its end leaves it unusable: more than `limitBytes`,
 * announced or received (`serve/body-too-large`), and what all bodies together have no room for (`serve/busy`).
 */
export function takeBody(
  { limits, metrics, request, response }: Exchange,
  limitBytes: number,
  done: (body: Uint8Array, refuse: Refuse) => void,
): void {
  const refuse = (failure: unknown, headers?: readonly string[]): void => {
    metrics.refused(asTeapotError(failure).code)
    sendFailure(response, failure, headers)
  }
  const announced = request.headers['content-length']
  if (announced !== undefined && Number(announced) > limitBytes) {
    refuse(tooLarge(limitBytes, announced), closing)
    return
  }
  let chunks: Buffer[] = []
  let sizeBytes = 0
  let held = 0
  let over = false
  const give = (failure: TeapotError): void => {
    over = true
    chunks = []
    refuse(failure, closing)
  }
  request.on('data', (chunk: Buffer) => {
    if (over) return
    sizeBytes += chunk.length
    if (sizeBytes > limitBytes) return give(tooLarge(limitBytes, `${sizeBytes} or more`))
    // One chunk alone is bounded by the number of connections.
    if (chunks.push(chunk) === 1) return
    if (chunks.length === 2) response.once('close', () => metrics.hold(-held))
    metrics.hold(sizeBytes - held)
    held = sizeBytes
    if (metrics.bodyBytes > limits.heldBytes) give(busy())
  })
  request.on('end', () => {
    if (!over) done(chunks.length > 1 ? Buffer.concat(chunks, sizeBytes) : (chunks[0] ?? empty), refuse)
  })
}

/** Takes the body of a call that there is room for: `run` calls `ended` when it is over. */
export function takeCall(
  exchange: Exchange,
  limitBytes: number,
  run: (body: Uint8Array, refuse: Refuse, ended: () => void) => void,
): void {
  const { limits, metrics } = exchange
  takeBody(exchange, limitBytes, (body, refuse) => {
    if (metrics.inFlight >= limits.inFlight) return refuse(busy())
    metrics.inFlight++
    let counted = 1
    run(body, refuse, () => {
      metrics.inFlight -= counted
      counted = 0
    })
  })
}

const empty = new Uint8Array(0)
const closing = ['connection', 'close']

function tooLarge(limitBytes: number, found: string): TeapotError {
  return new TeapotError(
    'serve/body-too-large',
    `Cannot take the request: expected a body of at most ${limitBytes} bytes, found ${found}; send less`,
  )
}

/** The refusal of a call that there is no room for; nothing was run and no receipt made. */
function busy(): TeapotError {
  return new TeapotError('serve/busy', 'Cannot take the call: too many in flight; try another node or try again', {
    kind: 'unavailable',
  })
}
