import { type Evidence, type Hex, type NodeId, parseTpmSignature, toHex } from '@teapot-network/trust'
import { shownLogs, type Vote } from '@teapot-network/trust/vote'
import { changeOf } from './round.ts'

/**
 * The call by which anyone shows that a vote says the opposite of the evidence that it names (spec/ledger.md §9). Whether it does is for the
 * contract to say. @param signature the voter's over the vote, r‖s
 * @throws TeapotError `event-log/malformed`, `tpm/malformed`: such evidence proves nothing
 */
export function disputeOf(vote: Vote, signature: Hex, voter: NodeId, evidence: Evidence) {
  const { votes, ...said } = changeOf(vote, [{ voter, signature }])
  const quoted = parseTpmSignature(evidence.quote.signature)
  // An AK that is no P-256 key is no AK of a node, so that whatever stands here is refused.
  const { r, s } = quoted.scheme === 'ecdsa' ? quoted : { r: new Uint8Array(), s: new Uint8Array() }
  const logs = shownLogs(evidence)
  const shown = {
    attest: toHex(evidence.quote.attest),
    r: word(r),
    s: word(s),
    // Numeric keys of an object stand in ascending order.
    pcrValues: Object.values(evidence.pcrs),
    rLog: logs.r.map(toHex),
    cLog: logs.c.map(toHex),
  }
  return {
    contract: 'disputes' as const,
    functionName: 'dispute' as const,
    args: [{ epoch: vote.epoch, ...said }, votes[0]!, shown] as const,
  }
}

function word(bytes: Uint8Array): Hex {
  return `0x${toHex(bytes).slice(2).padStart(64, '0')}`
}
