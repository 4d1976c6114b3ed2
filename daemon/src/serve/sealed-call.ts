import { type Exchange, takeCall } from './body.ts'
import type { ServeMetrics } from './metrics.ts'
import type { OpenedCall, Performed, ServeParts } from './parts.ts'
import { perform } from './perform.ts'
import { sendBytes } from './reply.ts'

/** What the seal itself may add to a payload. */
const envelopeBytes = 2048

/** Answers `POST /v1/calls`: unseal, perform, seal (spec/call.md §2). Whatever the outcome, the network sees 200 and ciphertext. */
export function answerSealedCall(parts: ServeParts, exchange: Exchange): void {
  const { limits, metrics, response } = exchange
  takeCall(exchange, limits.bodyBytes + envelopeBytes, (body, refuse, ended) => {
    answer(parts, metrics, body)
      .finally(ended)
      .then((sealed) => sendBytes(response, 200, 'application/cbor', sealed), refuse)
  })
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
