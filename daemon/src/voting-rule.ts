import type { Host } from '@teapot-network/host'
import { type Outcome, TeapotError, utf8 } from '@teapot-network/trust'
import type { VoteFacts } from './attest/round.ts'

/** Name and operation of the system actor that is the network's rule. */
const VOTE = 'vote'
const MAX_ANSWER_BYTES = 1024

/**
 * Asks the system actor `vote` what to vote on what the runtime found (spec/rounds.md, the voting rule). It may withhold the vote by
 * `silence`, and never make another: who affirms what did not hold, or tells of a mismatch that nobody found, is slashed.
 * @throws TeapotError `attest/no-voting-rule` when it is not loaded, holds capabilities, fails, or answers anything else: then nothing is to be voted
 */
export function createVotingRule(host: Pick<Host, 'call' | 'list'>): (facts: VoteFacts) => Promise<Outcome> {
  return async (facts) => {
    const rule = host.list().find(({ name }) => name === VOTE)
    if (!rule) throw noRule('none loaded; it is provisioned like any actor, once the ledger has one')
    if (rule.grants.length > 0) throw noRule(`one that holds ${rule.grants.join(', ')}`)
    let answer: Uint8Array
    try {
      answer = (await host.call({ actor: VOTE, operation: VOTE, payload: utf8(JSON.stringify(facts)) })).payload
    } catch (cause) {
      throw noRule(`one that failed: ${(cause as Error).message}`, cause)
    }
    const said = parseOutcome(answer)
    if (said === facts.outcome || said === 'silence') return said
    throw noRule(`${said ?? 'an answer that is no outcome'} where the runtime found ${facts.outcome}`)
  }
}

/** `{"outcome": text}` and nothing else; undefined for whatever is not of that form. */
function parseOutcome(answer: Uint8Array): string | undefined {
  if (answer.length > MAX_ANSWER_BYTES) return undefined
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer))
    const [[key, outcome] = [], ...more] = Object.entries(value ?? {})
    return key === 'outcome' && typeof outcome === 'string' && more.length === 0 ? outcome : undefined
  } catch {
    return undefined
  }
}

function noRule(found: string, cause?: unknown): TeapotError {
  return new TeapotError(
    'attest/no-voting-rule',
    `Cannot vote: expected a working actor "${VOTE}" without capabilities, found ${found}`,
    { kind: 'unavailable', cause },
  )
}
