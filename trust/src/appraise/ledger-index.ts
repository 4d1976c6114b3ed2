import { MANIFEST_PREFIX } from '../app/prefix.ts'
import { type Digest, type NodeId, toHex, utf8 } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import { EntryKind, kindName, type MeasuredEntry } from '../entry.ts'
import { DIGEST_AT, type LogCursor, type LogRecord, type RecordMemory } from '../event-log.ts'
import type { LedgerEntry, LedgerFacts, NodeRecord, ReferenceValue } from '../ledger-facts.ts'
import type { Reason } from '../verdict.ts'
import { pass, short } from './reason.ts'

/** A launcher or runtime image outside R was never held as something to provision; a page is never measured. */
const PROVISIONED: readonly number[] = [EntryKind.actor, EntryKind.provider, EntryKind.policy]

/** An entry that is or has been approved, and what it is called: `actor hello 2`. */
export interface HeldEntry {
  entry: LedgerEntry
  title: string
  /** The step of whoever measured it, where it may be measured at all. */
  passed: Reason | undefined
  /** Its kind and name, where the last entry under them must be current: actors, and the manifests of their publishers, taint no node. */
  slot: string | undefined
}

/** The same facts, by digest: made once for each facts object, as one serves the appraisals of a whole epoch. */
export interface LedgerIndex {
  /** The entry that is or has been approved under this record's digest; a merely published one is not held. */
  held(record: LogRecord): HeldEntry | undefined
  /** The records of held entries: one for all logs that hold the entry. */
  records: RecordMemory
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
      return { entry, title, passed, slot: mustBeCurrent(entry) ? `${entry.kind} ${entry.name}` : undefined }
    })
  // The same bytes may have been published twice: the later version counts.
  const byDigest = new Map(held.map((item) => [item.entry.digest, item]))
  const byRecord = new WeakMap<LogRecord, HeldEntry>()
  /** As they were read first, with what stood in that log, by the beginning of the digest: the same is measured everywhere. */
  const seen = new Map<number, { record: LogRecord; view: DataView }>()
  const index: LedgerIndex = {
    held(record) {
      const known = byRecord.get(record)
      if (known) return known
      const item = byDigest.get(toHex(record.digest))
      if (item) byRecord.set(record, item)
      return item
    },
    records: {
      recall(log) {
        const at = log.at + DIGEST_AT
        const known = at + 4 <= log.bytes.length && seen.get(log.view.getInt32(at))
        if (!known || !isNext(known.view, log)) return undefined
        log.at += known.view.byteLength
        return known.record
      },
      keep({ pcr, content }, encoded) {
        // A copy, as a view would keep the whole log.
        const bytes = new Uint8Array(encoded)
        const view = new DataView(bytes.buffer)
        const record = {
          pcr,
          digest: bytes.subarray(DIGEST_AT, DIGEST_AT + 32),
          content: bytes.subarray(-content.length),
        }
        if (index.held(record)) seen.set(view.getInt32(DIGEST_AT), { record, view })
      },
    },
    referenceValues: new Map(facts.referenceValues.map((value) => [value.r, value])),
    nodes: new Map(facts.nodes.map((node) => [node.id, node])),
    names: new Map(facts.entries.map((entry) => [`${entry.kind} ${digestOf(utf8(entry.name))}`, entry.name])),
    bytes: new Set(held.map(({ entry }) => `${entry.kind} ${entry.sha256}`)),
  }
  indexed.set(facts, index)
  return index
}

function mustBeCurrent({ kind, name }: LedgerEntry): boolean {
  return kind === EntryKind.provider || (kind === EntryKind.policy && !name.startsWith(MANIFEST_PREFIX))
}

/** Whether the same stands there: four bytes at a time, as one by one it would take a sixth of an appraisal. */
function isNext(known: DataView, { view, at }: LogCursor): boolean {
  // The last four may overlap those before.
  const last = known.byteLength - 4
  if (at + last + 4 > view.byteLength) return false
  for (let i = 0; i < last; i += 4) if (view.getInt32(at + i) !== known.getInt32(i)) return false
  return view.getInt32(at + last) === known.getInt32(last)
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
