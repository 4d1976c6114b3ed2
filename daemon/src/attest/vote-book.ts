import type { Address } from '@teapot-network/trust'
import { openDurableJson } from './durable-json.ts'
import type { CastVote } from './tally.ts'

/** This node's own votes of the newest epoch: on disk before anybody sees them, so that a restart neither forgets nor changes one. */
export interface VoteBook {
  /** The votes cast in that epoch. */
  of(epoch: number): CastVote[]
  /** Resolves once the vote may be shown. */
  add(epoch: number, vote: CastVote): Promise<void>
}

/** Opens the book kept at `path` for the network of that Attestation contract. @throws TeapotError `attest/bad-notes` */
export async function openVoteBook(path: string, attestation: Address): Promise<VoteBook> {
  const book = await openDurableJson(path, { attestation, epoch: 0, votes: [] as CastVote[] })
  const of = (epoch: number) =>
    book.value.attestation === attestation && book.value.epoch === epoch ? book.value.votes : []
  return {
    of,
    add: (epoch, vote) => book.save({ attestation, epoch, votes: [...of(epoch), vote] }),
  }
}
