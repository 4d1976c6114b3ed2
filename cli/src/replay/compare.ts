import { readTrace, TraceKind } from '@teapot-network/host'
import {
  type Claims,
  digestOf,
  type ProofBundle,
  parseBundle,
  parseClaims,
  type Reason,
  verifyProof,
} from '@teapot-network/trust'
import { proofAppraisers } from '@teapot-network/trust/appraisers'
import { requestDigest, responseDigest } from '@teapot-network/trust/call'
import type { Inputs, Recomputed } from './rerun.ts'

/** Outcomes that a node decides, not its code: what it has too little of, and what it refuses its actors (spec/host.md §9.6). */
const OF_THE_NODE =
  /^host\/(deadline|overloaded|sandbox-lost|bad-frame|stack-overflow|out-of-memory|capability-denied|too-many-(host|actor)-calls|call-too-deep|refused-by-hook)$/

/** Of a call on what the claims name. */
const DENIED = 'show it to others: the proof claims what its code does not do'

/** Whether a node stated these claims at all, as far as that shows offline: what nobody stated, nobody has to answer for. */
export async function checkProof(bundle: Uint8Array): Promise<Reason> {
  const { tier, summary } = await verifyProof(bundle, { appraisers: proofAppraisers })
  const holds = tier === 'affirming' || tier === 'warning'
  return check(
    'proof',
    'The proof holds',
    'a proof',
    holds ? 'a proof' : `${tier}: ${summary}`,
    'ask for the proof again',
  )
}

/** Whether what was given is what the claims name: nothing is run otherwise. */
export function checkInputs({ actor, operation, ...claims }: Claims, { payload, code, trace }: Inputs): Reason[] {
  const request = requestDigest({ actor: actor.name, operation, payload })
  const [none, seen] = ['no trace', trace === undefined ? 'no trace' : digestOf(trace)]
  const reasons = [
    check(
      'request',
      'What was asked is what the claims name',
      claims.request,
      request,
      'give the very bytes, by --payload or --request',
    ),
    check('code', 'The code is what the claims name', actor.sha256, digestOf(code), 'give it by --code'),
    check(
      'trace',
      'So is what it saw of the world',
      claims.trace ?? none,
      seen,
      claims.trace ? 'give what actor call --trace wrote, by --trace' : 'leave --trace out: nothing was recorded',
    ),
  ]
  if (OF_THE_NODE.test(claims.outcome)) reasons.push(unchecked('result', titleOf(claims), "the node's own doing"))
  return reasons
}

/** Whether the call came to what the claims say; unchecked where nobody could tell. */
export function checkOutputs(
  { children }: ProofBundle,
  claims: Claims,
  { trace }: Inputs,
  again: Recomputed,
): Reason[] {
  const title = titleOf(claims)
  const text = again.outcome === 'ok' ? '' : ` (${again.outcome}: ${new TextDecoder().decode(again.payload)})`
  if (again.outcome === 'host/replay-mismatch' && trace === undefined)
    return [unchecked('result', title, `it looks at the world, and no trace was made${text}`)]
  const found = responseDigest(again)
  const reasons = [
    check('result', title, claims.response, found, DENIED, found + text),
    check('fuel', 'It used the fuel that the claims name', String(claims.fuel), String(again.fuel)),
  ]
  if (trace !== undefined) {
    const digest = again.trace === undefined ? 'none' : digestOf(again.trace)
    reasons.push(check('trace-again', 'It saw the same once more, byte for byte', digestOf(trace), digest))
  }
  if (claims.children) reasons.push(checkChildren(claims.children, children ?? [], trace))
  return reasons
}

const titleOf = ({ outcome }: Pick<Claims, 'outcome'>): string => `It ends as the claims say: ${outcome}`

/** An answer of another actor in the trace has to be the one that this actor's own proof names. */
function checkChildren(
  named: readonly string[],
  bundles: readonly Uint8Array[],
  trace: Uint8Array | undefined,
): Reason {
  const title = 'It was answered by other actors as their own proofs say'
  if (bundles.length === 0) return unchecked('children', title, `${named.length} not in the bundle`)
  const entries = trace === undefined ? [] : [...readTrace(trace)].filter(({ kind }) => kind === TraceKind.capability)
  const answers = entries.map(({ body }) => ({ ok: body[32] === 1, body: body.subarray(33) }))
  const wrong = bundles
    .map((bundle) => parseClaims(parseBundle(bundle).claims))
    .find((child) => {
      const at = answers.findIndex((answer) => isOf(child, answer))
      answers.splice(0, at + 1)
      return at < 0
    })
  const all = 'each in the trace, in their order'
  return check('children', title, all, wrong === undefined ? all : `none there with ${wrong.outcome} ${wrong.response}`)
}

/** The text of an error may be cut short on its way to the actor, and an answer too large for it becomes one. */
function isOf({ outcome, response }: Claims, { ok, body }: { ok: boolean; body: Buffer }): boolean {
  if (ok) return responseDigest({ outcome: 'ok', payload: body }) === response
  return body.toString().startsWith(`${outcome === 'ok' ? 'host/response-too-large' : outcome}: `)
}

function check(id: string, title: string, expected: string, actual: string, fix = DENIED, found = actual): Reason {
  if (expected === actual) return { id: `replay/${id}`, status: 'pass', title }
  return { id: `replay/${id}`, status: 'fail', title, expected, found, source: 'spec/host.md §9.6', fix }
}

function unchecked(id: string, title: string, found: string): Reason {
  return { id: `replay/${id}`, status: 'unchecked', title, found }
}
