import { concatBytes, type Digest, fromHex, standsAt, toHex, utf8 } from './bytes.ts'
import { digestOf, sha256 } from './digest.ts'
import { TeapotError } from './teapot-error.ts'

/** What a measured entry (or a ledger entry) is; `page` is never measured. */
export const EntryKind = { launcher: 1, runtime: 2, actor: 3, provider: 4, policy: 5, page: 6 } as const
/** One of the numbers of {@link EntryKind}. */
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind]

/** What is measured before it is used: spec/evidence.md §3. */
export interface Entry {
  kind: EntryKind
  /** Its name on the ledger; `launcher` and `runtime` for the two entries of R. */
  name: string
  /** SHA-256 of the bytes measured. */
  sha256: Digest
  /** Canonical grants bytes ({@link encodeGrants}); empty when the entry takes none. */
  grants: Uint8Array
}

/** An entry as its content tells it: names and grants only as digests. */
export interface MeasuredEntry {
  kind: EntryKind
  nameHash: Digest
  sha256: Digest
  grantsDigest: Digest
}

/** Size of an entry's content. */
export const ENTRY_BYTES = 105
const MAGIC = utf8('teapot/1')

/** The 105 bytes that the event log keeps and whose digest is extended (spec/evidence.md §3). */
export function encodeEntry(entry: Entry): Uint8Array {
  return concatBytes(
    MAGIC,
    Uint8Array.of(entry.kind),
    sha256(utf8(entry.name)),
    fromHex(entry.sha256),
    sha256(entry.grants),
  )
}

/** SHA-256 of the content: what goes into the PCR, and what the ledger knows the entry by. */
export function entryDigest(entry: Entry): Digest {
  return digestOf(encodeEntry(entry))
}

/** @throws TeapotError `entry/malformed` unless it is 105 bytes, begins `teapot/1` and has a measured kind (1 to 5) */
export function parseEntry(content: Uint8Array): MeasuredEntry {
  const kind = content[8]
  if (content.length !== ENTRY_BYTES || !standsAt(content, 0, MAGIC)) {
    throw new TeapotError(
      'entry/malformed',
      `Cannot read measured entry: expected ${ENTRY_BYTES} bytes that begin teapot/1, found ${content.length} bytes`,
    )
  }
  if (kind === undefined || kind < EntryKind.launcher || kind > EntryKind.policy) {
    throw new TeapotError('entry/malformed', `Cannot read measured entry: expected a kind from 1 to 5, found ${kind}`)
  }
  return {
    kind: kind as EntryKind,
    nameHash: toHex(content.subarray(9, 41)),
    sha256: toHex(content.subarray(41, 73)),
    grantsDigest: toHex(content.subarray(73, 105)),
  }
}

const KIND_NAMES = new Map<number, string>(Object.entries(EntryKind).map(([name, kind]) => [kind, name]))

/** The word for a kind, e.g. `actor`; `kind 9` for one that has none. */
export function kindName(kind: number): string {
  return KIND_NAMES.get(kind) ?? `kind ${kind}`
}
