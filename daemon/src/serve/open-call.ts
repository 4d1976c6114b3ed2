import type { ServerResponse } from 'node:http'
import { TeapotError } from '@teapot-network/trust'
import { type CallMode, encodeCallResponse } from '@teapot-network/trust/call'
import { type Exchange, takeCall } from './body.ts'
import type { Call, Performed, ServeParts } from './parts.ts'
import { perform, responseOf } from './perform.ts'
import { asBuffer, sendBytes, sendJson, statusOf } from './reply.ts'

/** Where the path of an unsealed call begins. */
export const openCallPrefix = '/v1/actors/'

/**
 * Answers `POST /v1/actors/<name>/<operation>`: the body is the payload, the answer's body the result (spec/call.md §1).
 * @throws TeapotError `serve/malformed-request` for a path or query that says nothing
 */
export function answerOpenCall(parts: ServeParts, exchange: Exchange): void {
  const { limits, metrics, request, response } = exchange
  const { mode, ...target } = parseTarget(request.url!)
  takeCall(exchange, limits.bodyBytes, (payload, refuse, ended) => {
    const startMs = performance.now()
    const call: Call = { actor: target.actor, operation: target.operation, payload, trace: target.trace }
    perform(parts, call, mode, (failure, performed) => {
      ended()
      if (performed === undefined) return refuse(failure)
      metrics.answered(performed.answer.outcome, false, (performance.now() - startMs) / 1000)
      if (target.trace) sendBytes(response, 200, 'application/cbor', encodeCallResponse(responseOf(performed)))
      else sendPerformed(response, performed)
    })
  })
}

interface Target {
  actor: string
  operation: string
  mode: CallMode
  trace: boolean
}

/**
 * Reads `/v1/actors/<name>/<operation>[?mode=later][&trace=1]`; both parts percent-encoded.
 * @throws TeapotError `serve/malformed-request`
 */
export function parseTarget(url: string): Target {
  const queryAt = url.indexOf('?')
  const path = queryAt < 0 ? url : url.slice(0, queryAt)
  const slashAt = path.indexOf('/', openCallPrefix.length)
  const actor = decodePart(path.slice(openCallPrefix.length, slashAt < 0 ? undefined : slashAt))
  const operation = slashAt < 0 ? '' : decodePart(path.slice(slashAt + 1))
  if (actor === '' || operation === '' || actor.length > maxNameLength || operation.length > maxNameLength) {
    throw new TeapotError(
      'serve/malformed-request',
      `Cannot read the path: expected ${openCallPrefix}<name>/<operation>, each 1 to ${maxNameLength} characters`,
    )
  }
  return { actor, operation, ...parseQuery(queryAt < 0 ? '' : url.slice(queryAt + 1)) }
}

/** Characters of an actor's or an operation's name. */
const maxNameLength = 256

function parseQuery(query: string): Pick<Target, 'mode' | 'trace'> {
  if (query === '') return { mode: 'inline', trace: false }
  const asked = new URLSearchParams(query)
  const mode = asked.get('mode') ?? 'inline'
  if (mode === 'inline' || mode === 'later') return { mode, trace: asked.get('trace') === '1' }
  throw new TeapotError('serve/malformed-request', 'Cannot read ?mode=: expected inline or later')
}

function decodePart(part: string): string {
  if (part.includes('/'))
    throw new TeapotError('serve/malformed-request', 'Cannot read the path: expected no third part')
  if (!part.includes('%')) return part
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new TeapotError('serve/malformed-request', 'Cannot read the path: expected percent-encoded UTF-8', { cause })
  }
}

/** What an answer in the open carries of its proof (spec/call.md §3.2). */
export function proofHeaders({ issued, receipt }: Performed): string[] {
  const headers: string[] = []
  if (issued !== undefined) {
    headers.push('teapot-receipt-id', issued.id)
    headers.push('teapot-claims', asBuffer(issued.claims).toString('base64url'))
    headers.push('teapot-salt', asBuffer(issued.salt).toString('base64url'))
    if (issued.children !== undefined && issued.children.length > 0)
      headers.push('teapot-children', String(issued.children.length))
    if (receipt !== undefined) headers.push('teapot-receipt', asBuffer(receipt).toString('base64url'))
    else headers.push('teapot-proof', 'unproven')
  }
  return headers
}

function sendPerformed(response: ServerResponse, performed: Performed): void {
  const { outcome, payload } = performed.answer
  if (outcome === 'ok') sendBytes(response, 200, 'application/octet-stream', payload, proofHeaders(performed))
  else sendFailedCall(response, performed)
}

/** A call that ended with an error has a receipt too (spec/call.md §3.5). */
export function sendFailedCall(response: ServerResponse, performed: Performed): void {
  const { outcome, payload, kind } = performed.answer
  const message = asBuffer(payload).toString()
  sendJson(response, statusOf(outcome, kind), { code: outcome, message }, proofHeaders(performed))
}
