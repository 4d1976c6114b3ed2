import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from './body.ts'
import type { ServeMetrics } from './metrics.ts'
import { busy } from './open-call.ts'
import type { OpenedCall, Performed, ServeLimits, ServeParts } from './parts.ts'
import { perform } from './perform.ts'
import { asTeapotError, sendBytes, sendFailure } from './reply.ts'

/** What the seal itself may add to a payload. */
const envelopeBytes = 2048

/** Answers `POST /v1/calls`: unseal, perform, seal (spec/call.md §2). Whatever the outcome, the network sees 200 and ciphertext. */
export function answerSealedCall(
  parts: ServeParts,
  limits: ServeLimits,
  metrics: ServeMetrics,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  readBody(request, limits.bodyBytes + envelopeBytes, (failure, body) => {
    if (failure !== undefined) return refuse(failure, ['connection', 'close'])
    if (metrics.inFlight >= limits.inFlight) return refuse(busy())
    metrics.inFlight++
    answer(parts, metrics, body)
      .finally(() => metrics.inFlight--)
      .then((sealed) => sendBytes(response, 200, 'application/cbor', sealed), refuse)
  })

  function refuse(failure: unknown, headers?: readonly string[]): void {
    metrics.refused(asTeapotError(failure).code)
    sendFailure(response, failure, headers)
  }
}

async function answer(parts: ServeParts, metrics: ServeMetrics, body: Uint8Array): Promise<Uint8Array> {
  const startMs = performance.now()
  const opened = await parts.sealKey.open(body, parts.run, (digest) => parts.evidence.get(digest) !== undefined)
  const performed = await promised(parts, opened)
  metrics.answered(performed.answer.outcome, true, (performance.now() - startMs) / 1000)
  return opened.seal(performed)
}

function promised(parts: ServeParts, { call, mode }: OpenedCall): Promise<Performed> {
  return new Promise((resolve, reject) => {
    perform(parts, call, mode, (failure, performed) => (performed === undefined ? reject(failure) : resolve(performed)))
  })
}
