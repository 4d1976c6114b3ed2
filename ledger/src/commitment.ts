import type { Digest, NodeId } from '@teapot-network/trust'
import { encodeAbiParameters, keccak256, parseAbiParameters } from 'viem'

const PARAMETERS = parseAbiParameters('uint32, bytes32, bytes32')

/** What a node commits to before it reveals its 32 secret bytes for the seed of `epoch` (spec/ledger.md §6.5). */
export function seedCommitment(epoch: number, node: NodeId, secret: Digest): Digest {
  return keccak256(encodeAbiParameters(PARAMETERS, [epoch, node, secret]))
}
