import { type Digest, type NodeId, utf8 } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import { EntryKind, kindName, type MeasuredEntry } from '../entry.ts'
import type { LedgerEntry, LedgerFacts, NodeRecord, ReferenceValue } from '../ledger-facts.ts'
import { short } from './reason.ts'

/** The same facts, by digest: made once for each facts object, as one serves the appraisals of a whole epoch. */
export interface LedgerIndex {
  /** Entries that are or have been approved; a merely published one is not held. */
  entries: ReadonlyMap<Digest, LedgerEntry>
  referenceValues: ReadonlyMap<Digest, ReferenceValue>
  nodes: ReadonlyMap<NodeId, NodeRecord>
  /** Names by the digest of kind and name, published ones included. */
  names: ReadonlyMap<string, string>
}

const indexed = new WeakMap<LedgerFacts, LedgerIndex>()

/** The index of some facts; the facts must not change afterwards. */
export function indexLedger(facts: LedgerFacts): LedgerIndex {
  const known = indexed.get(facts)
  if (known) return known
  const held = facts.entries.filter((entry) => entry.status !== 'published')
  const index: LedgerIndex = {
    entries: new Map(held.map((entry) => [entry.digest, entry])),
    referenceValues: new Map(facts.referenceValues.map((value) => [value.r, value])),
    nodes: new Map(facts.nodes.map((node) => [node.id, node])),
    names: new Map(facts.entries.map((entry) => [`${entry.kind} ${digestOf(utf8(entry.name))}`, entry.name])),
  }
  indexed.set(facts, index)
  return index
}

/** What a measured entry is, for people: its name where the ledger knows one, else its kind and digest. */
export function describeEntry(entry: MeasuredEntry, digest: Digest, index: LedgerIndex): string {
  const kind = kindName(entry.kind)
  const held = index.entries.get(digest)
  if (held) return `${kind} ${held.name} ${held.version}`
  if (entry.kind <= EntryKind.runtime) return `${kind} sha256 ${short(entry.sha256)}`
  const name = index.names.get(`${entry.kind} ${entry.nameHash}`)
  return `${kind} ${name ?? 'of an unknown name'}, sha256 ${short(entry.sha256)}`
}
