import { type Digest, equalBytes, fromHex, type NodeId, utf8 } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import { EntryKind, kindName, type MeasuredEntry } from '../entry.ts'
import { createRecord, type LogRecord, type RecordOf } from '../event-log.ts'
import type { LedgerEntry, LedgerFacts, NodeRecord, ReferenceValue } from '../ledger-facts.ts'
import type { Reason } from '../verdict.ts'
import { pass, short } from './reason.ts'

/** A launcher or runtime image outside R was never held as something to provision; a page is never measured. */
const PROVISIONED: readonly number[] = [EntryKind.actor, EntryKind.provider, EntryKind.policy]

/** An entry that is or has been approved, and what it is called: `actor hello 2`. */
export interface HeldEntry {
  entry: LedgerEntry
  title: string
  digest: Uint8Array
  /** The step of whoever measured it, where it may be measured at all. */
  passed: Reason | undefined
  /** The record of it that was read first: the same entries are measured everywhere, and hashing is most of an appraisal. */
  record?: LogRecord
}

/** The same facts, by digest: made once for each facts object, as one serves the appraisals of a whole epoch. */
export interface LedgerIndex {
  /** The entry that is or has been approved under this record's digest; a merely published one is not held. */
  held(record: LogRecord): HeldEntry | undefined
  /** One record for all logs that hold the entry. */
  recordOf: RecordOf
  referenceValues: ReadonlyMap<Digest, ReferenceValue>
  nodes: ReadonlyMap<NodeId, NodeRecord>
  /** Names by the digest of kind and name, published ones included. */
  names: ReadonlyMap<string, string>
  /** Kind and bytes of what is held: who measured them under another digest was told of other grants. */
  bytes: ReadonlySet<string>
}

const indexed = new WeakMap<LedgerFacts, LedgerIndex>()

/** The index of some facts; the facts must not change afterwards. */
export function indexLedger(facts: LedgerFacts): LedgerIndex {
  const known = indexed.get(facts)
  if (known) return known
  const held = facts.entries
    .filter((entry) => entry.status !== 'published')
    .map((entry): HeldEntry => {
      const title = `${kindName(entry.kind)} ${entry.name} ${entry.version}`
      const passed = PROVISIONED.includes(entry.kind) ? pass('provisioned/entry', title, entry.status) : undefined
      return { entry, title, digest: fromHex(entry.digest), passed }
    })
  // The same bytes may have been published twice: the later version counts.
  const byHead = Map.groupBy(held.toReversed(), ({ digest }) => head(digest))
  const find = (digest: Uint8Array) => {
    const items = byHead.get(head(digest))
    for (let i = 0; items && i < items.length; i++) if (equalBytes(items[i]!.digest, digest)) return items[i]
    return undefined
  }
  const byRecord = new WeakMap<LogRecord, HeldEntry>()
  const index: LedgerIndex = {
    held(record) {
      const known = byRecord.get(record)
      if (known) return known
      const item = find(record.digest)
      if (item) byRecord.set(record, item)
      return item
    },
    recordOf(pcr, digest, content) {
      const item = find(digest)
      const known = item?.record
      if (known && known.pcr === pcr && equalBytes(known.content, content)) return known
      const record = createRecord(pcr, new Uint8Array(digest), new Uint8Array(content))
      if (record && item) item.record = record
      return record
    },
    referenceValues: new Map(facts.referenceValues.map((value) => [value.r, value])),
    nodes: new Map(facts.nodes.map((node) => [node.id, node])),
    names: new Map(facts.entries.map((entry) => [`${entry.kind} ${digestOf(utf8(entry.name))}`, entry.name])),
    bytes: new Set(held.map(({ entry }) => `${entry.kind} ${entry.sha256}`)),
  }
  indexed.set(facts, index)
  return index
}

/** A key that takes no text to be made. */
function head(digest: Uint8Array): number {
  return (digest[0]! << 24) | (digest[1]! << 16) | (digest[2]! << 8) | digest[3]!
}

/** What an entry that the ledger does not hold is, for people: by the name, if the ledger knows that at least. */
export function describeUnheld(entry: MeasuredEntry, index: LedgerIndex): string {
  const kind = kindName(entry.kind)
  if (entry.kind <= EntryKind.runtime) return `${kind} sha256 ${short(entry.sha256)}`
  const name = index.names.get(`${entry.kind} ${entry.nameHash}`)
  const others =
    name && index.bytes.has(`${entry.kind} ${entry.sha256}`) ? ' with grants that the ledger never gave it' : ''
  return `${kind} ${name ?? 'of an unknown name'}${others}, sha256 ${short(entry.sha256)}`
}
