import { disputeOf, LedgerRevert, type SignedVote, statementOf } from '@teapot-network/ledger'
import { type NodeId, parseEvidence } from '@teapot-network/trust'
import { allVotes, type Round, type RoundParts, takeTurn } from './round.ts'
import type { CastVote } from './tally.ts'

/** Something that a vote proves against its voter, not yet brought to the ledger. */
interface Charge {
  voter: NodeId
  node: NodeId
  epoch: number
  what: string
  /** Charges of equal grounds stand or fall together. */
  grounds: string
  send(): Promise<unknown>
}

type End = 'out' | 'refused' | 'undecided' | 'unknown'

/** Brings to the ledger, in this node's turn and once each, what a closed epoch's votes prove against those who cast them. */
export function createDisputes(parts: RoundParts): (past: Round, now: Round) => Promise<void> {
  const known = new Set<string>()
  const open = new Set<Charge>()

  /** Of two that bring a proof in one block the second is refused without a reason, or as what is not punishable. */
  async function bring({ what, voter, node, epoch, send }: Charge): Promise<End> {
    try {
      await send()
      parts.log.warn(what, { voter, node, epoch })
      return 'out'
    } catch (error) {
      if (!(error instanceof LedgerRevert)) throw error
      if (error.errorName === undefined) return 'unknown'
      if (error.errorName === 'NotPunishable') return 'out'
      parts.log.warn(`${what}, but the ledger refused`, { voter, node, epoch, reason: error.message })
      return error.errorName === 'Undecided' ? 'undecided' : 'refused'
    }
  }

  function drop(which: (charge: Charge) => boolean): void {
    for (const charge of open) if (which(charge)) open.delete(charge)
  }

  return async (past, now) => {
    for (const charge of chargesOf(past, parts)) {
      const key = `${charge.voter} ${charge.node} ${charge.epoch}`
      if (!known.has(key)) open.add(charge)
      known.add(key)
    }
    if (open.size === 0 || !(await takeTurn(parts, now))) return
    const unsettled = new Set<NodeId>()
    for (const charge of open) {
      if (unsettled.has(charge.voter)) continue
      const voter = now.ledger.facts.nodes.find(({ id }) => id === charge.voter)
      const end = voter?.status === 'quarantined' ? 'out' : await bring(charge)
      if (end === 'unknown') unsettled.add(charge.voter)
      else open.delete(charge)
      // One proof is enough; and what proves nothing against one proves nothing against the others.
      if (end === 'out') drop(({ voter }) => voter === charge.voter)
      if (end === 'undecided') drop(({ grounds }) => grounds === charge.grounds)
    }
  }
}

function chargesOf(past: Round, { attestation, writer }: RoundParts): Charge[] {
  const { chainId, epoch } = past.ledger.facts
  const signed = (vote: CastVote): SignedVote => ({ chainId, attestation, epoch: epoch.number, ...vote })
  const doubles = [...past.doubles.values()].map(([one, other]): Charge => {
    const args = [...statementOf(signed(one)), ...statementOf(signed(other))] as const
    const send = () => writer.send({ contract: 'disputes', functionName: 'equivocation', args })
    const grounds = `${one.voter} twice`
    return { voter: one.voter, node: one.node, epoch: epoch.number, what: 'a Verifier voted twice', grounds, send }
  })
  const lies = allVotes(past).filter((vote) => isContradicted(past, vote))
  const disputed = lies.map((vote): Charge => {
    const { voter, node, outcome, boot } = vote
    const grounds = `${vote.evidence} ${outcome} ${boot}`
    const evidence = parseEvidence(past.appraised.get(vote.evidence)!.bytes)
    const send = () => writer.send(disputeOf(signed(vote), evidence))
    return { voter, node, epoch: epoch.number, what: `a Verifier says ${outcome} against the evidence`, grounds, send }
  })
  return [...doubles, ...disputed]
}

/** Whether this node found the opposite in the very same quote and logs, whoever showed them. */
function isContradicted({ appraised }: Round, { node, outcome, evidence, quote }: CastVote): boolean {
  const seen = appraised.get(evidence)
  const found = seen?.verdict.outcome
  return (
    seen?.node === node && seen.quote === quote && outcome !== 'silence' && found !== 'silence' && found !== outcome
  )
}
