import type { Address } from '@teapot-network/trust'
import { openDurableJson } from './durable-json.ts'
import type { CastVote } from './tally.ts'

/**
 * This node's own votes of the epochs in which it voted last: on disk before anybody sees them, so that neither a restart nor a ledger that goes
 * back to an earlier epoch, by a reorg or a lying endpoint, makes it vote twice.
 */
export interface VoteBook {
  /** The votes cast in that epoch. */
  of(epoch: number): CastVote[]
  /** Resolves once the vote may be shown. */
  add(epoch: number, vote: CastVote): Promise<void>
}

const KEPT_EPOCHS = 4

/** Opens the book kept at `path` for the network of that Attestation contract. @throws TeapotError `attest/bad-notes` */
export async function openVoteBook(path: string, attestation: Address): Promise<VoteBook> {
  const book = await openDurableJson(path, { attestation, epochs: [] as [epoch: number, votes: CastVote[]][] })
  const kept = () => (book.value.attestation === attestation ? book.value.epochs : [])
  const of = (epoch: number) => kept().find(([number]) => number === epoch)?.[1] ?? []
  return {
    of,
    add(epoch, vote) {
      const others = kept().filter(([number]) => number !== epoch)
      return book.save({ attestation, epochs: [...others.slice(1 - KEPT_EPOCHS), [epoch, [...of(epoch), vote]]] })
    },
  }
}
