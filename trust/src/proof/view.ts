import { type Digest, fromHex, type Hex, toHex } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import { kindName, parseEntry } from '../entry.ts'
import { parseEventLog } from '../event-log.ts'
import { type Evidence, evidenceDigest } from '../evidence.ts'
import { parseGrants } from '../grants.ts'
import { parseReferenceValues, type ReferenceValuesDocument } from '../reference-values.ts'
import { TeapotError } from '../teapot-error.ts'
import { bootOf, parseAttest } from '../tpm/attest.ts'
import { MAX_BUNDLES, MAX_DEPTH } from './bundle.ts'
import { type Parts, parseParts } from './parts.ts'
import type { ReliedEntry, ReliedFacts } from './relied-facts.ts'

/** The same with bytes as hex and what JSON lacks as text. */
export type Readable<T> = T extends Uint8Array
  ? Hex
  : T extends bigint
    ? string
    : T extends readonly (infer Item)[]
      ? Readable<Item>[]
      : T extends object
        ? { [Key in keyof T]: Readable<T[Key]> }
        : T

/** Long bytes, told by size and digest. */
export interface Blob {
  sizeBytes: number
  sha256: Digest
}

/** One record of an event log; named where the bundle's facts hold it, else told by its digests. */
export type LogEntryView = { pcr: number; digest: Digest; kind: string; sha256: Digest } & (
  | { name: string; version: number; status: string; grants: string[] }
  | { nameHash: Digest; grantsDigest: Digest }
)

/** A proof of trust as plain JSON: digests and keys in hex, claims by name, logs as entries, long bytes as size and digest. */
export interface ProofView {
  sizeBytes: number
  claims: Readable<Parts['claims']>
  salt: Hex
  leaf: Hex
  receipt: { index: number; path: Hex[] } & Readable<Omit<Parts['checkpoint'], 'protectedBytes'>>
  evidence: EvidenceView
  policy: Readable<Parts['policy']>
  facts: Readable<ReliedFacts>
  references?: Readable<ReferenceValuesDocument>
  confirmation?: { evidence: EvidenceView; facts: Readable<ReliedFacts> }
  anchor?: Readable<Omit<NonNullable<Parts['anchored']>, 'leaf' | 'says'>> & {
    leaf: Readable<NonNullable<Parts['anchored']>['says']>
  }
  children?: ProofView[]
}

/** Evidence with its quote and event log read. */
export type EvidenceView = Readable<Omit<Evidence, 'log' | 'ek' | 'platform' | 'tee' | 'quote'>> & {
  digest: Digest
  boot: number
  quote: Readable<ReturnType<typeof parseAttest>> & { signature: Hex }
  log: LogEntryView[]
  ek: Blob[]
  platform?: { firmware: Blob; ima: Blob }
  tee?: { kind: string; report: Blob; collateral: Blob }
}

/**
 * Shows all that a bundle holds (spec/proof.md §7); checks nothing of it.
 * @throws TeapotError as the parser of the part that can't be read; `proof/bundle-malformed` for more children than are ever verified
 */
export function describeProof(bytes: Uint8Array): ProofView {
  return describe(bytes, 0, { left: MAX_BUNDLES })
}

function describe(bytes: Uint8Array, depth: number, tree: { left: number }): ProofView {
  const { bundle, claims, leaf, receipt, checkpoint, evidence, policy, later, anchored } = parseParts(bytes)
  const { protectedBytes: _, ...signed } = checkpoint
  const { salt, facts, references, confirmation, children } = bundle
  tree.left -= children?.length ?? 0
  if (tree.left < 0 || (children && depth === MAX_DEPTH)) {
    const found = `children at most ${MAX_DEPTH} deep and ${MAX_BUNDLES} in all, found more`
    throw new TeapotError('proof/bundle-malformed', `Cannot show proof: expected ${found}`)
  }
  return {
    sizeBytes: bytes.length,
    claims: readable(claims),
    salt: toHex(salt),
    leaf: toHex(leaf),
    receipt: { ...readable(signed), index: receipt.index, path: receipt.path.map(toHex) },
    evidence: describeEvidence(evidence, bundle.evidence, facts.entries),
    policy: readable(policy),
    facts: readable(facts),
    ...(references && { references: readable(parseReferenceValues(references)) }),
    ...(confirmation &&
      later && {
        confirmation: {
          evidence: describeEvidence(later, confirmation.evidence, confirmation.facts.entries),
          facts: readable(confirmation.facts),
        },
      }),
    ...(anchored && { anchor: describeAnchor(anchored) }),
    ...(children && { children: children.map((child) => describe(child, depth + 1, tree)) }),
  }
}

function describeAnchor({ says, ...anchor }: NonNullable<Parts['anchored']>): NonNullable<ProofView['anchor']> {
  return { ...readable(anchor), leaf: readable(says) }
}

function describeEvidence(evidence: Evidence, bytes: Uint8Array, entries: ReliedEntry[]): EvidenceView {
  const { quote, log, ek, platform, tee, ...plain } = evidence
  const attest = parseAttest(quote.attest)
  return {
    ...readable(plain),
    digest: evidenceDigest(bytes),
    boot: bootOf(attest),
    quote: { ...readable(attest), signature: toHex(quote.signature) },
    log: parseEventLog(log).map(({ pcr, digest, content }) => {
      const { kind, nameHash, sha256, grantsDigest } = parseEntry(content)
      const record = { pcr, digest: toHex(digest), kind: kindName(kind), sha256 }
      const held = entries.find((entry) => entry.digest === record.digest)
      if (!held) return { ...record, nameHash, grantsDigest }
      const { name, version, status } = held
      return { ...record, name, version, status, grants: parseGrants(fromHex(held.grants)) }
    }),
    ek: ek.map(blob),
    ...(platform && { platform: { firmware: blob(platform.firmware), ima: blob(platform.ima) } }),
    ...(tee && { tee: { kind: tee.kind, report: blob(tee.report), collateral: blob(tee.collateral) } }),
  }
}

function blob(bytes: Uint8Array): Blob {
  return { sizeBytes: bytes.length, sha256: digestOf(bytes) }
}

function readable<T>(value: T): Readable<T> {
  return convert(value) as Readable<T>
}

function convert(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (typeof value === 'bigint') return `${value}`
  if (Array.isArray(value)) return value.map(convert)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]))
}
