import {
  type Assurance,
  type Claims,
  type Digest,
  digestOf,
  leafInput,
  TeapotError,
  toHex,
} from '@teapot-network/trust'
import type { ChildResult } from '@teapot-network/trust/call'
import type { ClaimsTemplate, Issued, ReceiptLog, Recorded, ResultClaims } from '../receipts/index.ts'
import { fastRequestDigest, fastResponseDigest } from './call-digests.ts'
import type { AnsweringActor, Receipts, Result } from './parts.ts'

/** What every claim of the moment cites. Give the same object as long as nothing in it changed. */
export interface ClaimContext {
  /** Evidence quoted after the actors were measured. */
  evidence: Digest
  block: { number: number; hash: Digest }
  assurance: Assurance
  isolation: Claims['isolation']
}

/**
 * Turns results into claims in a receipt log. What the results of one actor share is encoded once for each context.
 * @param context of the moment; undefined before the first evidence, when no result can be given out yet (`serve/not-yet`)
 */
export function createLogReceipts(log: ReceiptLog, context: () => ClaimContext | undefined): Receipts {
  const templates = new WeakMap<AnsweringActor, { context: ClaimContext; template: ClaimsTemplate }>()

  function templateOf(actor: AnsweringActor): ClaimsTemplate {
    const now = context()
    if (now === undefined) throw notYet()
    const known = templates.get(actor)
    if (known?.context === now) return known.template
    const { name, version, sha256, grants } = actor
    const template = log.template({ ...now, actor: { name, version, sha256 }, capabilities: [...grants] })
    templates.set(actor, { context: now, template })
    return template
  }

  /** Calls that the actor made come before its own, whose claims name them (spec/call.md §9). */
  function issueTree(result: Result): { recorded: Recorded; issued: Promise<ChildResult & Issued> } {
    const below = (result.answer.calls ?? []).map(issueTree)
    const claims = claimsOf(
      result,
      below.map(({ recorded }) => recorded),
    )
    const { recorded, issued } = log.take(templateOf(result.answer.actor), claims)
    const all = Promise.all([issued, ...below.map((child) => child.issued)])
    return { recorded, issued: all.then(([own, ...children]) => ({ ...own, children })) }
  }

  function issueTreeLater(result: Result): ChildResult {
    const children = (result.answer.calls ?? []).map(issueTreeLater)
    const recorded = log.issueLater(templateOf(result.answer.actor), claimsOf(result, children))
    return { ...recorded, receipt: null, children }
  }

  return {
    issue(result) {
      if (result.answer.calls !== undefined) return issueTree(result).issued
      return log.issue(templateOf(result.answer.actor), claimsOf(result))
    },
    issueLater(result) {
      if (result.answer.calls !== undefined) return issueTreeLater(result)
      return log.issueLater(templateOf(result.answer.actor), claimsOf(result))
    },
    receipt: (id, options) => log.receipt(id, options),
    checkpoint: () => log.checkpoint().signed,
    log,
  }
}

function claimsOf({ call, answer }: Result, below: readonly Pick<Recorded, 'salt' | 'claims'>[] = []): ResultClaims {
  const claims: ResultClaims = {
    operation: call.operation,
    request: fastRequestDigest(call),
    response: fastResponseDigest(answer),
    outcome: answer.outcome,
  }
  if (answer.fuel !== undefined) claims.fuel = answer.fuel
  if (answer.trace !== undefined) claims.trace = digestOf(answer.trace)
  if (below.length > 0) claims.children = below.map(({ salt, claims }) => toHex(leafInput(salt, claims)))
  return claims
}

function notYet(): TeapotError {
  return new TeapotError(
    'serve/not-yet',
    'Cannot answer: this run has no evidence yet that a receipt could cite; try again',
    {
      kind: 'unavailable',
    },
  )
}
