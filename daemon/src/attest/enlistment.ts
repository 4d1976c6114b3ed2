import { type RegistrationKeys, type Round, registerCall, type TransactionQueue } from '@teapot-network/ledger'
import { akPoint, type Digest, type Hex, type NodeId, TeapotError } from '@teapot-network/trust'

/** What a node says of itself when it joins, and the keys that agree to it. */
export interface Enlistment extends RegistrationKeys {
  node: NodeId
  /** TPMT_PUBLIC of the AK. */
  ak: Uint8Array
  ekDigest: Digest
  /** Uncompressed P-256 point. */
  voteKey: Hex
  /** JSON text `{"http": url, "p2p": multiaddr}`. */
  contact: string
}

/**
 * Registers the node, or tells its new address; nothing when the ledger has it right.
 * @returns what was done
 * @throws LedgerRevert, TeapotError `attest/not-our-node` when another operator registered this TPM
 */
export async function enlist(
  self: Enlistment,
  { facts, minBondWei }: Pick<Round, 'facts' | 'minBondWei'>,
  writer: Pick<TransactionQueue, 'send' | 'address'>,
  signal: AbortSignal,
): Promise<'registered' | 'contact changed' | undefined> {
  const record = facts.nodes.find(({ id }) => id === self.node)
  if (record && record.operator !== writer.address) {
    throw new TeapotError(
      'attest/not-our-node',
      `Cannot join: expected node ${self.node} to be registered by ${writer.address}, found it registered by ${record.operator}; use that operator's keys`,
    )
  }
  if (record?.contact === self.contact) return undefined
  if (record) {
    await writer.send({ contract: 'nodeRegistry', functionName: 'setContact', args: [self.contact] }, { signal })
    return 'contact changed'
  }
  const ak = akPoint(self.ak)
  if (!ak) throw new TeapotError('attest/not-our-node', 'Cannot join: expected an AK of the template, found another')
  const { ekDigest, voteKey, contact } = self
  const said = {
    chainId: facts.chainId,
    registry: facts.registry,
    operator: writer.address,
    ekDigest,
    voteKey,
    contact,
  }
  const call = await registerCall(said, { ...self, ak })
  // A node is not entitled below the least bond, and each secret of a seed that it fails to reveal takes a tenth of that.
  const valueWei = (minBondWei * 3n) / 2n
  await writer.send({ ...call, valueWei }, { signal })
  return 'registered'
}
