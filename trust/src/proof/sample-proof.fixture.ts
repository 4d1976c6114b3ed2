import { swtpm } from '../../vectors/swtpm.ts'
import { requestDigest, responseDigest } from '../call.ts'
import {
  encodeBundle,
  encodeCheckpointHeader,
  encodeClaims,
  encodeEpochLeaf,
  encodeEvidence,
  encodeLogRecord,
  encodeReceipt,
  inclusionPath,
  selectFacts,
  treeRoot,
} from '../encode.ts'
import {
  akPublic,
  type Claims,
  concatBytes,
  type Digest,
  type Entry,
  EntryKind,
  type EpochRecord,
  type Evidence,
  encodeEntry,
  encodeGrants,
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
  type ProofAnchor,
  type ProofBundle,
  type ProofConfirmation,
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
import { consistencyPath } from './naive-tree.fixture.ts'

/** What the sample's caller asked and got. */
export const REQUEST = { actor: 'hello', operation: 'greet', payload: utf8('world') }
export const RESPONSE = { outcome: 'ok', payload: utf8('hello, world') }
export const SALT = Uint8Array.from({ length: 16 }, (_, i) => i)
const INDEX = 5
const SIZE = 11
const LATER_SIZE = 20
/** What the node measures between the evidence and its confirmation. */
const LATER_ENTRY: Entry = {
  kind: EntryKind.actor,
  name: 'later',
  sha256: toHex(sha256(utf8('later bytes'))),
  grants: encodeGrants([]),
}

/** A proof with everything genuine but the TPM: here the AK is a key in memory, so that the run's key can be known. */
export interface SampleProof {
  bundle: ProofBundle
  bytes: Uint8Array
  /** The ledger when the evidence was made, in epoch 7. */
  facts: LedgerFacts
  claims: Claims
  evidence: Evidence
  /** The sample with other claims, issued by the same node in the same way. */
  issue(change: Partial<Claims>): Promise<Uint8Array>
  /** The sample with other protected header fields or another place in the log. */
  receiptFor(
    leaf: Uint8Array,
    change?: { sequence?: number; log?: number; index?: number; size?: number; run?: Digest; node?: NodeId },
  ): Promise<Uint8Array>
  /** Evidence of epoch 8 and of `boot` (reset count), with the facts of that epoch; what it shows can be changed. */
  confirm(change?: Partial<Evidence>, boot?: number): Promise<ProofConfirmation>
  /** The checkpoint of that evidence among the leaves of epoch 8. */
  anchor: ProofAnchor
  /** The ledger after epoch 8 was closed in block 70, and its closed epochs. */
  ledger: { facts: LedgerFacts; epochs: EpochRecord[] }
}

interface KeyPair {
  publicKey: CryptoKey
  privateKey: CryptoKey
}

/** Which sample: what the ledger holds and the node measured besides, whether only after the quote, and whose keys. */
interface SampleOptions {
  more?: Entry[]
  late?: boolean
  seed?: string
}

/** Makes the sample. Its keys follow from the seed; its signatures are never the same. */
export async function makeSampleProof({
  more = [],
  late = false,
  seed = 'sample',
}: SampleOptions = {}): Promise<SampleProof> {
  const [ak, receiptKey] = [await createKey(`${seed} ak`), await createKey(`${seed} receipt`)]
  const facts = swtpm.facts()
  const held = (entry: Entry) => ledgerEntry(entry, facts.entries.at(-1)!)
  facts.entries.splice(-1, 0, held(LATER_ENTRY))
  facts.entries.push(...more.map(held))
  const akPoint = await pointOf(ak)
  const akBytes = akPublic(akPoint.subarray(1, 33), akPoint.subarray(33))
  const node = nodeIdOf(akBytes)
  Object.assign(facts.nodes[0]!, { id: node, akX: toHex(akPoint.subarray(1, 33)), akY: toHex(akPoint.subarray(33)) })
  const vector = parseEvidence(swtpm.evidence)
  const log = concatBytes(vector.log, ...recordsAfter(vector.log, more))
  const base = { ...vector, node, ak: akBytes, keys: { ...vector.keys, receipt: toHex(await pointOf(receiptKey)) } }
  const quoted = (change: Partial<Evidence>, { epoch, block }: LedgerFacts, covered: Uint8Array, boot?: number) => {
    const { r, c } = replayEventLog(parseEventLog(covered))
    const nonce = epochNonce(epoch.seed, epoch.number, node)
    const chain = { ...vector.chain, block: { number: block.number, hash: block.hash } }
    const unquoted = { ...base, epoch: epoch.number, nonce, chain, pcrs: { [PCR_R]: r, [PCR_C]: c }, ...change }
    return quote(ak, vector, unquoted, boot)
  }
  const checkpoint = { log: 1, sequence: 3, size: 4, root: toHex(treeRoot(leavesWith(undefined, 4))) }
  const evidence = await quoted({ checkpoint, log }, facts, late ? vector.log : log)
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
  const policy = parsePolicy(swtpm.policy)
  const receiptFor: SampleProof['receiptFor'] = async (leaf, change = {}) => {
    const index = change.index ?? INDEX
    const size = change.size ?? SIZE
    const leaves = leavesWith(leaf, size, index)
    const header = { node, log: 1, run: claims.run, sequence: 4, size, previousRoot: checkpoint.root }
    const protectedBytes = encodeCheckpointHeader({ ...header, ...change })
    const signature = await sign(receiptKey, sigStructure(protectedBytes, treeRoot(leaves)))
    return encodeReceipt({ protectedBytes, signature, index, size, path: inclusionPath(leaves, index) })
  }
  const bundleOf = async (claimsBytes: Uint8Array): Promise<ProofBundle> => ({
    claims: claimsBytes,
    salt: SALT,
    receipt: await receiptFor(leafInput(SALT, claimsBytes)),
    evidence: evidenceBytes,
    policy: swtpm.policy,
    facts: selectFacts(facts, evidence, policy),
  })
  const bundle = await bundleOf(encodeClaims(claims))

  const later = laterFacts(facts, 8, 60)
  const leaf = leafInput(SALT, bundle.claims)
  const laterCheckpoint = { log: 1, sequence: 9, size: LATER_SIZE, root: toHex(treeRoot(leavesWith(leaf, LATER_SIZE))) }
  const laterLog = concatBytes(log, ...recordsAfter(log, [LATER_ENTRY]))
  const confirm: SampleProof['confirm'] = async (change = {}, boot) => {
    const shown = { checkpoint: laterCheckpoint, log: laterLog, ...change }
    const made = await quoted(shown, later, shown.log, boot)
    return { evidence: encodeEvidence(made), facts: selectFacts(later, made, policy) }
  }
  const said = { epoch: 8, outcome: 'affirm', run: claims.run, evidence: claims.evidence } as const
  const epochLeaf = encodeEpochLeaf({ ...said, node, checkpoint: laterCheckpoint })
  const epochLeaves = ['one node', epochLeaf, 'another'].map((item) =>
    leafHash(sha256(item === epochLeaf ? epochLeaf : utf8(`${item}`))),
  )
  const closedAt = { number: 70, hash: toHex(sha256(utf8('block 70'))), timestamp: later.block.timestamp + 100 }
  const record = { number: 8, seed: later.epoch.seed, root: toHex(treeRoot(epochLeaves)), leaves: ZERO, closedAt }
  const anchor = {
    leaf: epochLeaf,
    index: 1,
    size: epochLeaves.length,
    path: inclusionPath(epochLeaves, 1),
    consistency: consistencyPath(SIZE, leavesWith(leaf, LATER_SIZE)),
    block: closedAt,
  }
  return {
    bundle,
    bytes: encodeBundle(bundle),
    facts,
    claims,
    evidence,
    issue: async (other) => encodeBundle(await bundleOf(encodeClaims({ ...claims, ...other }))),
    receiptFor,
    confirm,
    anchor,
    ledger: { facts: laterFacts(facts, 9, 90), epochs: [record] },
  }
}

const ZERO = toHex(new Uint8Array(32))

function laterFacts(facts: LedgerFacts, epoch: number, block: number): LedgerFacts {
  const hash = (what: string) => toHex(sha256(utf8(what)))
  const openedAt = facts.epoch.openedAt + (epoch - facts.epoch.number) * 600
  return {
    ...facts,
    block: { number: block, hash: hash(`block ${block}`), timestamp: openedAt + 300 },
    epoch: { number: epoch, seed: hash(`seed ${epoch}`), openedAt },
  }
}

/** The log of the node with this result in its place, and nothing worth mentioning in the others. */
function leavesWith(leaf: Uint8Array | undefined, size: number, index = INDEX): Uint8Array[] {
  return Array.from({ length: size }, (_, i) => leafHash(leaf && i === index ? leaf : Uint8Array.of(i)))
}

function recordsAfter(log: Uint8Array, entries: Entry[]): Uint8Array[] {
  const { length } = parseEventLog(log)
  return entries.map((entry, i) => encodeLogRecord(length + i, PCR_C, encodeEntry(entry)))
}

function ledgerEntry(entry: Entry, like: LedgerEntry): LedgerEntry {
  return { ...like, ...entry, digest: entryDigest(entry), version: 1, grants: toHex(entry.grants) }
}

/** Where the vector's TPMS_ATTEST counts resets (TPM 2.0 Part 2 §10.12.12). */
const RESET_COUNT_AT = 84

/** The vector's TPMS_ATTEST over other values, as a TPM with this AK would sign it (TPM 2.0 Part 2 §10.12). */
async function quote(ak: KeyPair, vector: Evidence, unquoted: Evidence, boot?: number): Promise<Evidence> {
  const rebound = replace(vector.quote.attest, fromHex(qualifyingData(vector)), fromHex(qualifyingData(unquoted)))
  const attest = replace(rebound, pcrDigest(vector), pcrDigest(unquoted))
  if (boot !== undefined) new DataView(attest.buffer).setUint32(RESET_COUNT_AT, boot)
  const signature = await sign(ak, attest)
  const head = [0x00, 0x18, 0x00, 0x0b, 0x00, 0x20]
  const parts = [Uint8Array.from(head), signature.subarray(0, 32), Uint8Array.of(0x00, 0x20), signature.subarray(32)]
  return { ...unquoted, quote: { attest, signature: concatBytes(...parts) } }
}

function pcrDigest({ pcrs }: Evidence): Uint8Array {
  return sha256(concatBytes(fromHex(pcrs[PCR_R]!), fromHex(pcrs[PCR_C]!)))
}

function replace(bytes: Uint8Array, part: Uint8Array, by: Uint8Array): Uint8Array {
  const at = bytes.findIndex((_, start) => part.every((byte, i) => bytes[start + i] === byte))
  return concatBytes(bytes.subarray(0, at), by, bytes.subarray(at + part.length))
}

/** A PKCS #8 P-256 key up to its scalar (RFC 5915 §3, without the public key). */
const PKCS8_HEAD = fromHex('0x3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420')
const P256 = { name: 'ECDSA', namedCurve: 'P-256' }

async function createKey(seed: string): Promise<KeyPair> {
  const pkcs8 = concatBytes(PKCS8_HEAD, sha256(utf8(seed)))
  const privateKey = await crypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), P256, true, ['sign'])
  const { d: _, key_ops: __, ...jwk } = await crypto.subtle.exportKey('jwk', privateKey)
  return { privateKey, publicKey: await crypto.subtle.importKey('jwk', jwk, P256, true, ['verify']) }
}

async function pointOf({ publicKey }: KeyPair): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey('raw', publicKey))
}

async function sign({ privateKey }: KeyPair, message: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  return new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, new Uint8Array(message)))
}
