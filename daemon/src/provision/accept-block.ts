import { type Digest, digestOf, EntryKind, type LedgerFacts, TeapotError } from '@teapot-network/trust'

/** Where accepted bytes go. */
export interface BlockKeeper {
  add(bytes: Uint8Array, options: { singleBlock: boolean; pin: boolean }): Promise<string>
}

/**
 * Takes bytes from a publisher who rents no server: only such as an entry on the ledger names, so that nobody can fill a stranger's disk.
 * Anybody may publish, so nothing is pinned that the committee has not approved: it makes room for what it has.
 * @throws TeapotError `provision/unknown-content`, `provision/wrong-bytes`
 */
export async function acceptBlock(
  keeper: BlockKeeper,
  facts: LedgerFacts,
  cid: string,
  bytes: Uint8Array,
): Promise<void> {
  const entry = facts.entries.find((one) => one.cid === cid && one.status !== 'revoked')
  if (!entry) {
    throw new TeapotError(
      'provision/unknown-content',
      `Cannot take ${cid}: no entry on the ledger names it; publish it there first`,
    )
  }
  const found: Digest = digestOf(bytes)
  if (found !== entry.sha256) {
    throw new TeapotError(
      'provision/wrong-bytes',
      `Cannot take ${cid}: expected SHA-256 ${entry.sha256} as on the ledger, found ${found}`,
    )
  }
  const isApproved = entry.kind !== EntryKind.page && entry.status !== 'published'
  await keeper.add(bytes, { singleBlock: true, pin: isApproved })
}
