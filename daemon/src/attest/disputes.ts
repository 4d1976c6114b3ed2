import { changeOf, disputeOf, LedgerRevert } from '@teapot-network/ledger'
import { type NodeId, parseEvidence } from '@teapot-network/trust'
import { allVotes, type Round, type RoundParts, takeTurn } from './round.ts'
import type { CastVote } from './tally.ts'

/** Something that a vote proves against its voter, not yet brought to the ledger. */
interface Charge {
  voter: NodeId
  node: NodeId
  epoch: number
  what: string
  send(): Promise<unknown>
}

/** Brings to the ledger, in this node's turn and once each, what a closed epoch's votes prove against those who cast them. */
export function createDisputes(parts: RoundParts): (past: Round, now: Round) => Promise<void> {
  const known = new Set<string>()
  const open = new Set<Charge>()

  /** @returns whether the voter is out by it, or was */
  async function bring({ what, voter, node, epoch, send }: Charge): Promise<boolean> {
    try {
      await send()
      parts.log.warn(what, { voter, node, epoch })
      return true
    } catch (error) {
      if (!(error instanceof LedgerRevert)) throw error
      if (error.errorName === 'NotPunishable') return true
      parts.log.warn(`${what}, but the ledger refused`, { voter, node, epoch, reason: error.message })
      return false
    }
  }

  /** One proof is enough. */
  function drop(voter: NodeId): void {
    for (const charge of open) if (charge.voter === voter) open.delete(charge)
  }

  return async (past, now) => {
    for (const charge of chargesOf(past, parts)) {
      const key = `${charge.voter} ${charge.node} ${charge.epoch}`
      if (!known.has(key)) open.add(charge)
      known.add(key)
    }
    if (open.size === 0 || !(await takeTurn(parts, now))) return
    for (const charge of open) {
      const voter = now.ledger.facts.nodes.find(({ id }) => id === charge.voter)
      if (voter?.status === 'quarantined' || (await bring(charge))) drop(charge.voter)
      open.delete(charge)
    }
  }
}

function chargesOf(past: Round, { attestation, writer }: RoundParts): Charge[] {
  const { chainId, epoch } = past.ledger.facts
  const voteOf = ({ voter: _, signature: __, ...said }: CastVote) => {
    return { chainId, attestation, epoch: epoch.number, ...said }
  }
  const statementOf = (vote: CastVote) => {
    const { votes, ...said } = changeOf(voteOf(vote), [vote])
    return [{ epoch: epoch.number, ...said }, votes[0]!] as const
  }
  const doubles = [...past.doubles.values()].map(([one, other]): Charge => {
    const args = [...statementOf(one), ...statementOf(other)] as const
    const send = () => writer.send({ contract: 'disputes', functionName: 'equivocation', args })
    return { voter: one.voter, node: one.node, epoch: epoch.number, what: 'a Verifier voted twice', send }
  })
  const lies = allVotes(past).filter((vote) => isContradicted(past, vote))
  const disputed = lies.map((vote): Charge => {
    const { voter, node, outcome, signature } = vote
    const evidence = parseEvidence(past.appraised.get(node)!.bytes)
    const send = () => writer.send(disputeOf(voteOf(vote), signature, voter, evidence))
    return { voter, node, epoch: epoch.number, what: `a Verifier says ${outcome} against the evidence`, send }
  })
  return [...doubles, ...disputed]
}

/** Whether this node found the opposite in the very same quote and logs. */
function isContradicted({ appraised }: Round, { node, outcome, quote }: CastVote): boolean {
  const seen = appraised.get(node)
  const found = seen?.verdict.outcome
  return seen?.quote === quote && outcome !== 'silence' && found !== 'silence' && found !== outcome
}
