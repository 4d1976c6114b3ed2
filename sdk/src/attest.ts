import {
  appraise,
  type Digest,
  digestOf,
  EntryKind,
  type Evidence,
  epochNonce,
  evidenceDigest,
  type LedgerEntry,
  type LedgerFacts,
  type Policy,
  parseEvidence,
  parsePolicy,
  TeapotError,
  type Verdict,
} from '@teapot-network/trust'
import { appraisersOf } from '@teapot-network/trust/appraisers'
import { parseReferenceValues, type ReferenceValuesDocument } from '@teapot-network/trust/boot'
import type { FactsCache } from './facts.ts'
import { type Fetch, getBytes } from './http.ts'
import type { Node } from './nodes.ts'

/** A policy and the bytes whose digest stands on the ledger. */
export interface PolicyDocument {
  bytes: Uint8Array
  policy: Policy
}

/** The reference values and the bytes whose digest stands on the ledger. */
export interface References {
  bytes: Uint8Array
  document: ReferenceValuesDocument
}

/** A node's evidence as this client appraised it. */
export interface Attested {
  node: Node
  evidence: Evidence
  bytes: Uint8Array
  /** Digest of those bytes. */
  digest: Digest
  verdict: Verdict
  policy: PolicyDocument
  /** What the ledger says that machines may show from beneath the launcher, where this one shows anything. */
  references?: References | undefined
  /** The facts that the verdict rests on. */
  facts: LedgerFacts
}

/** What an attestation needs besides the node. */
export interface AttestParts {
  facts: FactsCache
  fetch: Fetch
  timeoutMs: number
  /** A policy that the caller pins; else the ledger's current one is used. */
  policy?: PolicyDocument | undefined
  /** Policies already fetched, by their digest. */
  policies: Map<Digest, PolicyDocument>
}

const evidenceLimitBytes = 4 * 1024 * 1024
const policyLimitBytes = 1024 * 1024

/**
 * Fetches a node's evidence and appraises it here, trusting nothing that the node says: nonce from the ledger's epoch, policy by its
 * digest on the ledger, node id as dialled.
 * @param digest names one piece of evidence, as a receipt cites it; else the current one
 * @param maxAgeMs how old the ledger facts may be
 * @throws TeapotError `sdk/node-unreachable`, `sdk/policy-missing`, `sdk/policy-altered`, `evidence/malformed`
 */
export async function attestNode(
  node: Node,
  parts: AttestParts,
  options: { maxAgeMs: number; digest?: Digest | undefined; signal?: AbortSignal | undefined },
): Promise<Attested> {
  const { fetch, timeoutMs } = parts
  const { maxAgeMs, digest, signal } = options
  const path = digest === undefined ? '/v1/evidence' : `/v1/evidence/${digest}`
  const bytes = await getBytes(node.url + path, { fetch, timeoutMs, limitBytes: evidenceLimitBytes, signal })
  const evidence = parseEvidence(bytes)
  let facts = await parts.facts.read(maxAgeMs, signal)
  if (evidence.epoch > facts.epoch.number || evidence.chain.block.number > facts.block.number) {
    facts = await parts.facts.read(0, signal)
  }
  const named = await namedBlock(evidence, facts, parts.facts, signal)
  const policy = parts.policy ?? (await currentPolicy(node, facts, parts, signal))
  const nonce = epochNonce(named.facts.epoch.seed, named.facts.epoch.number, node.id)
  const { knownBlocks } = named
  const shown = evidence.platform ?? evidence.tee
  const references = shown && (await currentReferences(node, facts, parts, signal))
  const by = { knownBlocks, ...(await appraisersOf(evidence, references?.document)) }
  const verdict = await appraise(evidence, { node: node.id, nonce }, named.facts, policy.policy, by)
  return { node, evidence, bytes, digest: evidenceDigest(bytes), verdict, policy, references, facts: named.facts }
}

/**
 * The facts to judge the evidence by, and the hash of the block that it names.
 * The epoch is the current one, or the one before it, since a node needs a moment to quote anew (spec/call.md §7.2): the seed of that
 * is read at the block that the evidence names, and counts only if that block is on this chain and lay in that epoch. Anything else
 * stays under the current epoch, whose nonce it will not match.
 */
async function namedBlock(
  { epoch, chain }: Evidence,
  facts: LedgerFacts,
  { source }: FactsCache,
  signal: AbortSignal | undefined,
): Promise<{ facts: LedgerFacts; knownBlocks: Map<number, Digest> }> {
  const { number, hash } = chain.block
  const knownBlocks = new Map<number, Digest>()
  if (number > facts.block.number) return { facts, knownBlocks }
  if (epoch !== facts.epoch.number - 1) {
    const block = await source.readBlock(number, { signal })
    if (block !== undefined) knownBlocks.set(number, block.hash)
    return { facts, knownBlocks }
  }
  const then = await source.readFacts({ block: number, signal })
  knownBlocks.set(number, then.block.hash)
  const counts = then.block.hash === hash && then.epoch.number === epoch
  return { facts: counts ? { ...facts, epoch: then.epoch } : facts, knownBlocks }
}

async function currentPolicy(
  node: Node,
  facts: LedgerFacts,
  parts: AttestParts,
  signal: AbortSignal | undefined,
): Promise<PolicyDocument> {
  const entry = currentEntry(facts, 'appraisal')
  if (entry === undefined) {
    throw new TeapotError(
      'sdk/policy-missing',
      'Cannot appraise: expected a current policy "appraisal" on the ledger, found none',
    )
  }
  const known = parts.policies.get(entry.sha256)
  if (known !== undefined) return known
  const bytes = await fetchDocument(node, entry, parts, signal)
  const document = { bytes, policy: parsePolicy(bytes) }
  parts.policies.set(entry.sha256, document)
  return document
}

/** What machines may show from beneath the launcher; undefined where the ledger has nothing current. */
async function currentReferences(
  node: Node,
  facts: LedgerFacts,
  parts: AttestParts,
  signal: AbortSignal | undefined,
): Promise<References | undefined> {
  const entry = currentEntry(facts, 'reference-values')
  const bytes = entry && (await fetchDocument(node, entry, parts, signal))
  return bytes && { bytes, document: parseReferenceValues(bytes) }
}

function currentEntry({ entries }: LedgerFacts, wanted: string): LedgerEntry | undefined {
  return entries.find(({ kind, name, status }) => kind === EntryKind.policy && name === wanted && status === 'current')
}

async function fetchDocument(
  node: Node,
  entry: LedgerEntry,
  { fetch, timeoutMs }: AttestParts,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const url = `${node.url}/ipfs/${entry.cid}`
  const bytes = await getBytes(url, { fetch, timeoutMs, limitBytes: policyLimitBytes, signal })
  const found = digestOf(bytes)
  if (found === entry.sha256) return bytes
  throw new TeapotError(
    'sdk/policy-altered',
    `Cannot appraise: expected a policy of digest ${entry.sha256} as the ledger says, found ${found} at ${url}; ask another node`,
  )
}
