import type { Address, Digest, Hex, NodeId } from './bytes.ts'

/** Where a release that was approved, or a value of R, may stand: in the order of the contracts' enums, as the lists below. */
export const APPROVED_STATUSES = ['current', 'grace', 'superseded', 'revoked'] as const
/** Where a release may stand. */
export const ENTRY_STATUSES = ['published', ...APPROVED_STATUSES] as const
/** Where a node may stand (spec/ledger.md §8). */
export const NODE_STATUSES = [
  'pending',
  'active',
  'inactive',
  'suspect',
  'quarantined',
  'upgrading',
  'retired',
] as const

/** `published` is not approved yet: never loadable, never measured. All others are or have been on the ledger. */
export type EntryStatus = (typeof ENTRY_STATUSES)[number]

/** One version of one name in the code registry. */
export interface LedgerEntry {
  /** The entry digest (spec/evidence.md §3). */
  digest: Digest
  /** One of `EntryKind`. */
  kind: number
  name: string
  version: number
  /** SHA-256 of the bytes. */
  sha256: Digest
  cid: string
  /** Canonical grants bytes; `0x` when none. */
  grants: Hex
  status: EntryStatus
  /** The block in which the status became what it is. */
  sinceBlock: number
  publisher: Address
}

/** One registered value of R: a launcher and a runtime image of one release on one platform. */
export interface ReferenceValue {
  r: Digest
  release: string
  platform: string
  status: (typeof APPROVED_STATUSES)[number]
  sinceBlock: number
}

/** A node's standing on the ledger (spec/ledger.md §8). */
export type NodeStatus = (typeof NODE_STATUSES)[number]

/** A node as registered. */
export interface NodeRecord {
  id: NodeId
  operator: Address
  status: NodeStatus
  /** The block in which the status became what it is. */
  statusSince: number
  /** Whether its operator was named in the genesis set. */
  genesis: boolean
  /** The AK's point, 32 bytes each. */
  akX: Hex
  akY: Hex
  /** SHA-256 of the EK certificate's DER. */
  ekDigest: Digest
  /** Uncompressed P-256 point (65 bytes) that signs this node's votes. */
  voteKey: Hex
  /** JSON text `{"http": url, "p2p": multiaddr}`. */
  contact: string
  /** The boot (`bootOf`) that was quarantined; 0 when never. */
  quarantinedBoot: number
}

/** What the ledger said at one block: all that an appraisal relies on from it. */
export interface LedgerFacts {
  chainId: number
  /** The NodeRegistry's address, which names the network. */
  registry: Address
  block: { number: number; hash: Digest; timestamp: number }
  epoch: { number: number; seed: Digest; openedAt: number }
  referenceValues: ReferenceValue[]
  entries: LedgerEntry[]
  nodes: NodeRecord[]
  /** Of so many endpoints of the chain that were asked, so many answered, and all alike; absent where nobody counted. */
  endpoints?: { agreed: number; asked: number }
}

/** A closed epoch as the ledger holds it. */
export interface EpochRecord {
  number: number
  seed: Digest
  /** Root over its leaves (spec/rounds.md §5). */
  root: Digest
  /** Digest of the document with the leaves, as whoever closed the epoch named it. */
  leaves: Digest
  /** The block that closed it. */
  closedAt: { number: number; hash: Digest; timestamp: number }
}
