import { short, unchecked } from '../appraise/reason.ts'
import { type CallRequest, type CallResponse, requestDigest, responseDigest } from '../call.ts'
import { digestOf } from '../digest.ts'
import type { Reason } from '../verdict.ts'
import type { Claims } from './claims.ts'
import { link } from './parts.ts'

/** What whoever made the call, or heard of it, holds against the claims. */
export interface CallExpectation {
  /** What was asked. */
  request?: Pick<CallRequest, 'actor' | 'operation' | 'payload'>
  /** What was answered. */
  response?: Pick<CallResponse, 'outcome' | 'payload'>
  /** What the actor saw of the world, as recorded. */
  trace?: Uint8Array
}

/** Whether the claims are of this request, response and trace. */
export function checkCall(claims: Claims, { request, response, trace }: CallExpectation): Reason[] {
  const asked = request && requestDigest(request)
  const answered = response && responseDigest(response)
  return [
    checkDigest('request', 'The result answers this request', {
      given: request && `${request.actor} ${request.operation}, digest ${short(asked!)}`,
      same: claims.actor.name === request?.actor && claims.operation === request.operation && claims.request === asked,
      found: `${claims.actor.name} ${claims.operation}, digest ${short(claims.request)}`,
    }),
    checkDigest('response', 'The result is this response', {
      given: response && `${response.outcome}, digest ${short(answered!)}`,
      same: claims.outcome === response?.outcome && claims.response === answered,
      found: `${claims.outcome}, digest ${short(claims.response)}`,
    }),
    ...checkTrace(claims, trace && digestOf(trace)),
  ]
}

/** A call that recorded no trace has nothing to say of one, unless one is held against it. */
function checkTrace({ trace }: Claims, given: string | undefined): Reason[] {
  if (!given && !trace) return []
  return [
    checkDigest('trace', 'The actor saw of the world what this trace holds', {
      given: given && `digest ${short(given)}`,
      same: trace === given,
      found: trace ? `digest ${short(trace)}` : 'no trace was recorded',
    }),
  ]
}

function checkDigest(
  id: string,
  title: string,
  { given, same, found }: { given: string | undefined; same: boolean; found: string },
): Reason {
  return given === undefined ? unchecked(`proof/${id}`, title, `${id} not given`) : link(id, title, same, given, found)
}
