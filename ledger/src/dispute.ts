import { type Evidence, parseAkSignature, toHex } from '@teapot-network/trust'
import { shownLogs } from '@teapot-network/trust/vote'
import { type SignedVote, statementOf } from './round.ts'

/**
 * The call by which anyone shows that a vote says the opposite of the evidence that it names (spec/ledger.md §9). Whether it does is for the
 * contract to say.
 * @throws TeapotError `event-log/malformed`, `tpm/malformed`: such evidence proves nothing
 */
export function disputeOf(vote: SignedVote, evidence: Evidence) {
  const logs = shownLogs(evidence)
  const shown = { ...shownQuote(evidence), rLog: logs.r.map(toHex), cLog: logs.c.map(toHex) }
  return {
    contract: 'disputes' as const,
    functionName: 'dispute' as const,
    args: [...statementOf(vote), shown] as const,
  }
}

/** A quote as the contracts take it. @throws TeapotError `tpm/malformed` */
export function shownQuote({ quote, pcrs }: Pick<Evidence, 'quote' | 'pcrs'>) {
  const signature = parseAkSignature(quote.signature)
  const [r, s] = [toHex(signature.subarray(0, 32)), toHex(signature.subarray(32))]
  // Numeric keys of an object stand in ascending order.
  return { attest: toHex(quote.attest), r, s, pcrValues: Object.values(pcrs) }
}
