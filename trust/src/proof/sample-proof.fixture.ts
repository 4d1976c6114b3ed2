import { swtpm } from '../../vectors/swtpm.ts'
import { requestDigest, responseDigest } from '../call.ts'
import {
  encodeBundle,
  encodeCheckpointHeader,
  encodeClaims,
  encodeEvidence,
  encodeLogRecord,
  encodeReceipt,
  selectFacts,
} from '../encode.ts'
import {
  akPublic,
  type Claims,
  concatBytes,
  type Digest,
  type Entry,
  type Evidence,
  encodeEntry,
  entryDigest,
  epochNonce,
  evidenceDigest,
  fromHex,
  type LedgerEntry,
  type LedgerFacts,
  leafHash,
  leafInput,
  type NodeId,
  nodeIdOf,
  PCR_C,
  PCR_R,
  type ProofBundle,
  parseEventLog,
  parseEvidence,
  parsePolicy,
  qualifyingData,
  replayEventLog,
  runDigest,
  sha256,
  sigStructure,
  toHex,
  utf8,
} from '../index.ts'
import { inclusionPath, rootOf } from './naive-tree.fixture.ts'

/** What the sample's caller asked and got. */
export const REQUEST = { actor: 'hello', operation: 'greet', payload: utf8('world') }
export const RESPONSE = { outcome: 'ok', payload: utf8('hello, world') }
export const SALT = Uint8Array.from({ length: 16 }, (_, i) => i)
const INDEX = 5
const SIZE = 11

/** A proof with everything genuine but the TPM: here the AK is a key in memory, so that the run's key can be known. */
export interface SampleProof {
  bundle: ProofBundle
  bytes: Uint8Array
  facts: LedgerFacts
  claims: Claims
  evidence: Evidence
  /** The sample with other claims, issued by the same node in the same way. */
  issue(change: Partial<Claims>): Promise<Uint8Array>
  /** The sample with other protected header fields or another place in the log. */
  receiptFor(
    leaf: Uint8Array,
    change?: { sequence?: number; log?: number; index?: number; run?: Digest; node?: NodeId },
  ): Promise<Uint8Array>
}

interface KeyPair {
  publicKey: CryptoKey
  privateKey: CryptoKey
}

/**
 * Makes the sample.
 * @param more actors that the ledger holds and that are measured besides
 * @param late whether they are measured only after the quote
 */
export async function makeSampleProof(more: Entry[] = [], late = false): Promise<SampleProof> {
  const [ak, receiptKey] = [await createKey(), await createKey()]
  const facts = swtpm.facts()
  facts.entries.push(...more.map((entry) => ledgerEntry(entry, facts.entries.at(-1)!)))
  const akPoint = await pointOf(ak)
  const akBytes = akPublic(akPoint.subarray(1, 33), akPoint.subarray(33))
  const node = nodeIdOf(akBytes)
  Object.assign(facts.nodes[0]!, { id: node, akX: toHex(akPoint.subarray(1, 33)), akY: toHex(akPoint.subarray(33)) })
  const vector = parseEvidence(swtpm.evidence)
  const length = parseEventLog(vector.log).length
  const records = more.map((entry, i) => encodeLogRecord(length + i, PCR_C, encodeEntry(entry)))
  const log = concatBytes(vector.log, ...records)
  const { r, c } = replayEventLog(parseEventLog(late ? vector.log : log))
  const unquoted: Evidence = {
    ...vector,
    node,
    ak: akBytes,
    nonce: epochNonce(facts.epoch.seed, vector.epoch, node),
    keys: { ...vector.keys, receipt: toHex(await pointOf(receiptKey)) },
    checkpoint: { log: 1, sequence: 3, size: 4, root: toHex(sha256(utf8('earlier'))) },
    log,
    pcrs: { [PCR_R]: r, [PCR_C]: c },
  }
  const evidence = { ...unquoted, quote: await quote(ak, vector, unquoted) }
  const evidenceBytes = encodeEvidence(evidence)
  const claims: Claims = {
    node,
    issuedAt: 1_800_000_000,
    actor: { name: 'hello', version: 1, sha256: toHex(sha256(utf8('actor bytes'))) },
    capabilities: ['kv.read'],
    run: runDigest(evidence.keys),
    evidence: evidenceDigest(evidenceBytes),
    block: evidence.chain.block,
    assurance: { integrity: 'none', confidentiality: 'none' },
    isolation: 'user',
    operation: REQUEST.operation,
    request: requestDigest(REQUEST),
    response: responseDigest(RESPONSE),
    outcome: RESPONSE.outcome,
  }
  const policy = swtpm.policy
  const relied = selectFacts(facts, evidence, parsePolicy(policy), 'one-endpoint')
  const receiptFor: SampleProof['receiptFor'] = async (leaf, change = {}) => {
    const index = change.index ?? INDEX
    const leaves = Array.from({ length: SIZE }, (_, i) => leafHash(i === index ? leaf : Uint8Array.of(i)))
    const previousRoot = evidence.checkpoint.root
    const header = { node, log: 1, run: claims.run, sequence: 4, size: SIZE, previousRoot }
    const protectedBytes = encodeCheckpointHeader({ ...header, ...change })
    const signature = await sign(receiptKey, sigStructure(protectedBytes, rootOf(leaves)))
    return encodeReceipt({ protectedBytes, signature, index, size: SIZE, path: inclusionPath(index, leaves) })
  }
  const bundleOf = async (claimsBytes: Uint8Array): Promise<ProofBundle> => ({
    claims: claimsBytes,
    salt: SALT,
    receipt: await receiptFor(leafInput(SALT, claimsBytes)),
    evidence: evidenceBytes,
    policy,
    facts: relied,
  })
  const bundle = await bundleOf(encodeClaims(claims))
  return {
    bundle,
    bytes: encodeBundle(bundle),
    facts,
    claims,
    evidence,
    issue: async (other) => encodeBundle(await bundleOf(encodeClaims({ ...claims, ...other }))),
    receiptFor,
  }
}

function ledgerEntry(entry: Entry, like: LedgerEntry): LedgerEntry {
  return { ...like, ...entry, digest: entryDigest(entry), version: 1, grants: toHex(entry.grants) }
}

/** The vector's TPMS_ATTEST over other values, as a TPM with this AK would sign it (TPM 2.0 Part 2 §10.12). */
async function quote(ak: KeyPair, vector: Evidence, unquoted: Evidence): Promise<Evidence['quote']> {
  const rebound = replace(vector.quote.attest, fromHex(qualifyingData(vector)), fromHex(qualifyingData(unquoted)))
  const attest = replace(rebound, pcrDigest(vector), pcrDigest(unquoted))
  const signature = await sign(ak, attest)
  const head = [0x00, 0x18, 0x00, 0x0b, 0x00, 0x20]
  const parts = [Uint8Array.from(head), signature.subarray(0, 32), Uint8Array.of(0x00, 0x20), signature.subarray(32)]
  return { attest, signature: concatBytes(...parts) }
}

function pcrDigest({ pcrs }: Evidence): Uint8Array {
  return sha256(concatBytes(fromHex(pcrs[PCR_R]!), fromHex(pcrs[PCR_C]!)))
}

function replace(bytes: Uint8Array, part: Uint8Array, by: Uint8Array): Uint8Array {
  const at = bytes.findIndex((_, start) => part.every((byte, i) => bytes[start + i] === byte))
  return concatBytes(bytes.subarray(0, at), by, bytes.subarray(at + part.length))
}

function createKey(): Promise<KeyPair> {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
}

async function pointOf({ publicKey }: KeyPair): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey('raw', publicKey))
}

async function sign({ privateKey }: KeyPair, message: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  return new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, new Uint8Array(message)))
}
