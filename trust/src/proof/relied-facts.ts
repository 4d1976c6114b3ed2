import { type Digest, fromHex, toHex } from '../bytes.ts'
import type { CborValue } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import { digestOf } from '../digest.ts'
import { EntryKind, entryDigest } from '../entry.ts'
import { parseEventLog } from '../event-log.ts'
import type { Evidence } from '../evidence.ts'
import {
  APPROVED_STATUSES,
  type LedgerEntry,
  type LedgerFacts,
  NODE_STATUSES,
  type NodeRecord,
  type ReferenceValue,
} from '../ledger-facts.ts'
import { type Policy, policyDigest } from '../policy.ts'

/** What an appraisal relies on of a {@link LedgerEntry}. */
export type ReliedEntry = Pick<
  LedgerEntry,
  'digest' | 'kind' | 'name' | 'version' | 'sha256' | 'grants' | 'sinceBlock'
> & {
  status: (typeof APPROVED_STATUSES)[number]
}
/** What an appraisal relies on of a {@link NodeRecord}. */
export type ReliedNode = Pick<NodeRecord, 'id' | 'operator' | 'akX' | 'akY' | 'ekDigest' | 'status' | 'statusSince'>

/** The ledger facts that one proof relies on, and no others (spec/proof.md §7.2). */
export interface ReliedFacts {
  /** Of how many endpoints that whoever wrote the bundle asked, how many agreed. */
  obtained: { agreed: number; asked: number }
  chainId: LedgerFacts['chainId']
  registry: LedgerFacts['registry']
  block: LedgerFacts['block']
  epoch: LedgerFacts['epoch']
  /** The one value that the evidence's R is, where the ledger has it. */
  referenceValues: ReferenceValue[]
  /** The entries that the event log names, and the policy's. */
  entries: ReliedEntry[]
  /** The record of the node itself. */
  nodes: ReliedNode[]
}

const shape = shapeOf('proof/bundle-malformed', 'proof bundle')

/**
 * Picks what an appraisal of this evidence under this policy will rely on.
 * @param references the document `reference-values`, where the bundle holds it
 * @throws TeapotError `event-log/malformed`
 */
export function selectFacts(
  facts: LedgerFacts,
  evidence: Evidence,
  policy: Policy,
  references?: Uint8Array,
): ReliedFacts {
  const named = new Set(parseEventLog(evidence.log).map((record) => toHex(record.digest)))
  named.add(policyEntryDigest(policy))
  if (references) named.add(referencesEntryDigest(references))
  const r = evidence.pcrs[12]
  return {
    obtained: facts.endpoints ?? { agreed: 1, asked: 1 },
    chainId: facts.chainId,
    registry: facts.registry,
    block: facts.block,
    epoch: facts.epoch,
    referenceValues: facts.referenceValues.filter((value) => value.r === r),
    entries: facts.entries.filter((entry): entry is LedgerEntry & ReliedEntry => {
      return named.has(entry.digest) && entry.status !== 'published'
    }),
    nodes: facts.nodes.filter((node) => node.id === evidence.node),
  }
}

/** The digest under which the ledger holds a policy. */
export function policyEntryDigest(policy: Policy): Digest {
  return documentEntryDigest('appraisal', policyDigest(policy))
}

/** The digest under which the ledger holds the reference values. */
export function referencesEntryDigest(references: Uint8Array): Digest {
  return documentEntryDigest('reference-values', digestOf(references))
}

function documentEntryDigest(name: string, sha256: Digest): Digest {
  return entryDigest({ kind: EntryKind.policy, name, sha256, grants: new Uint8Array(0) })
}

/** The facts in the form that an appraisal takes; what it doesn't rely on is left blank. */
export function asLedgerFacts(relied: ReliedFacts): LedgerFacts {
  return {
    ...relied,
    entries: relied.entries.map((entry) => ({ ...entry, cid: '', publisher: '0x' })),
    nodes: relied.nodes.map((node) => ({
      ...node,
      statusSince: 0,
      genesis: false,
      voteKey: '0x',
      contact: '',
      quarantinedBoot: 0,
    })),
  }
}

/** The facts as they stand in a bundle. */
export function encodeRelied(facts: ReliedFacts): CborValue {
  const { epoch } = facts
  return {
    obtained: [facts.obtained.agreed, facts.obtained.asked],
    chain: [facts.chainId, fromHex(facts.registry)],
    block: blockArray(facts.block),
    epoch: [epoch.number, fromHex(epoch.seed), epoch.openedAt],
    values: facts.referenceValues.map(({ r, release, platform, status, sinceBlock }) => {
      return [fromHex(r), release, platform, status, sinceBlock]
    }),
    entries: facts.entries.map(({ kind, name, version, sha256, grants, status, sinceBlock }) => {
      return [kind, name, version, fromHex(sha256), fromHex(grants), status, sinceBlock]
    }),
    nodes: facts.nodes.map(({ id, operator, akX, akY, ekDigest, status, statusSince }) => {
      return [...[id, operator, akX, akY, ekDigest].map((value) => fromHex(value)), status, statusSince]
    }),
  }
}

/** @throws TeapotError `proof/bundle-malformed` */
export function parseRelied(value: CborValue | undefined): ReliedFacts {
  const map = shape.map(value, 'facts', ['obtained', 'chain', 'block', 'epoch', 'values', 'entries', 'nodes'])
  const [agreed, asked] = shape.array(map.get('obtained'), 'obtained', 2)
  const [chainId, registry] = shape.array(map.get('chain'), 'chain', 2)
  const [epoch, seed, openedAt] = shape.array(map.get('epoch'), 'epoch', 3)
  return {
    obtained: { agreed: shape.uint(agreed, 'obtained'), asked: shape.uint(asked, 'obtained') },
    chainId: shape.uint(chainId, 'chain'),
    registry: shape.hex(registry, 'chain', 20),
    block: parseBlock(map.get('block')),
    epoch: {
      number: shape.uint(epoch, 'epoch'),
      seed: shape.hex(seed, 'epoch', 32),
      openedAt: parseSeconds(openedAt, 'epoch'),
    },
    referenceValues: shape.array(map.get('values'), 'values').map(parseReferenceValue),
    entries: shape.array(map.get('entries'), 'entries').map(parseEntry),
    nodes: shape.array(map.get('nodes'), 'nodes').map(parseNode),
  }
}

/** A block as it stands in a bundle: number, hash, timestamp. */
export function blockArray({ number, hash, timestamp }: LedgerFacts['block']): CborValue {
  return [number, fromHex(hash), timestamp]
}

/** @throws TeapotError `proof/bundle-malformed` */
export function parseBlock(value: CborValue | undefined): LedgerFacts['block'] {
  const [number, hash, timestamp] = shape.array(value, 'block', 3)
  return {
    number: shape.uint(number, 'block'),
    hash: shape.hex(hash, 'block', 32),
    timestamp: parseSeconds(timestamp, 'block'),
  }
}

/** Seconds since 1970 that a calendar can tell. */
function parseSeconds(value: CborValue | undefined, name: string): number {
  const seconds = shape.uint(value, name)
  return seconds < 2 ** 40 ? seconds : shape.refuse(name, 'a time below 2^40', `${seconds}`)
}

function parseReferenceValue(value: CborValue): ReferenceValue {
  const [r, release, platform, status, sinceBlock] = shape.array(value, 'values', 5)
  return {
    r: shape.hex(r, 'values', 32),
    release: shape.text(release, 'values'),
    platform: shape.text(platform, 'values'),
    status: shape.oneOf(status, 'values', APPROVED_STATUSES),
    sinceBlock: shape.uint(sinceBlock, 'values'),
  }
}

function parseEntry(value: CborValue): ReliedEntry {
  const [kind, name, version, sha256, grants, status, sinceBlock] = shape.array(value, 'entries', 7)
  const entry = {
    kind: shape.uint(kind, 'entries') as EntryKind,
    name: shape.text(name, 'entries'),
    sha256: shape.hex(sha256, 'entries', 32),
    grants: shape.bytes(grants, 'entries'),
  }
  return {
    ...entry,
    grants: toHex(entry.grants),
    digest: entryDigest(entry),
    version: shape.uint(version, 'entries'),
    status: shape.oneOf(status, 'entries', APPROVED_STATUSES),
    sinceBlock: shape.uint(sinceBlock, 'entries'),
  }
}

function parseNode(value: CborValue): ReliedNode {
  const [id, operator, akX, akY, ekDigest, status, statusSince] = shape.array(value, 'nodes', 7)
  return {
    id: shape.hex(id, 'nodes', 32),
    operator: shape.hex(operator, 'nodes', 20),
    akX: shape.hex(akX, 'nodes', 32),
    akY: shape.hex(akY, 'nodes', 32),
    ekDigest: shape.hex(ekDigest, 'nodes', 32),
    status: shape.oneOf(status, 'nodes', NODE_STATUSES),
    statusSince: shape.uint(statusSince, 'nodes'),
  }
}
